"""What Lightning says in every run is dropped, what matters is heard."""

import logging
import warnings

import pytest
from lightning.pytorch.utilities.rank_zero import rank_zero_info, rank_zero_module, rank_zero_warn

from clipteacher.training.chatter import WARNED, without_chatter


def test_messages(caplog: pytest.LogCaptureFixture) -> None:
    loggers = [rank_zero_module.log, logging.getLogger("lightning.fabric.utilities.seed")]
    before = [list(each.filters) for each in loggers]
    for each in loggers:
        each.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, loggers[0].name), caplog.at_level(logging.INFO, loggers[1].name):
            with without_chatter():
                rank_zero_info("GPU available: False, used: False")
                rank_zero_info("💡 Tip: For seamless cloud logging and experiment tracking, try")
                rank_zero_info("GPU available: True (cuda), used: True")
                loggers[1].info("[rank: 11] Seed set to 3")
                rank_zero_info("Restored all states from the checkpoint at runs/a")
            rank_zero_info("GPU available: False, used: False")
    finally:
        for each in loggers:
            each.removeHandler(caplog.handler)
    heard = list(dict.fromkeys(record.getMessage() for record in caplog.records))
    assert heard == [
        "GPU available: True (cuda), used: True",
        "Restored all states from the checkpoint at runs/a",
        "GPU available: False, used: False",
    ]
    assert [list(each.filters) for each in loggers] == before


def test_warnings() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with without_chatter():
            rank_zero_warn("The 'val_dataloader' does not have many workers which may be a bottleneck.")
            rank_zero_warn("GPU available but not used. You can set it by doing `Trainer(accelerator='gpu')`.")
        rank_zero_warn("The 'val_dataloader' does not have many workers which may be a bottleneck.")
    assert [str(each.message)[:20] for each in heard] == ["GPU available but no", "The 'val_dataloader'"]
    assert len(set(WARNED)) == len(WARNED)
