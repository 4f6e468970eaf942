"""`clipteacher fit`: trains a student under a teacher and leaves a run folder."""

from __future__ import annotations

from collections.abc import Sequence

from clipteacher.cli.errors import user_errors
from clipteacher.cli.faults import training_faults
from clipteacher.cli.table import print_scores
from clipteacher.training.chatter import without_chatter
from clipteacher.training.configured import configured_session


def fit(arguments: Sequence[str]) -> None:
    """Train a student under a frozen teacher, score it, and leave a run folder."""
    with user_errors(), without_chatter():
        session = configured_session(arguments, description=fit.__doc__)
    with training_faults(session.run), without_chatter():
        result = session.start()
    if result is None:  # one of several processes, and not the first
        return
    calibration = result.segmenter.settings.calibration
    print_scores(result.scores, result.data.class_split, result.protocol, calibration)
    run = session.run
    print(f"Written: {run.model}, {run.metrics}, {run.report}")
