"""`clipteacher evaluate`: scores a trained student on a test set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from clipteacher.cli.arguments import add_test_data, open_test_data, tracked
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_json
from clipteacher.cli.parser import CommandParser
from clipteacher.cli.table import print_scores
from clipteacher.utils.atomic_files import write_json


def evaluate(arguments: Sequence[str]) -> None:
    """Score a trained student on a protocol's data set as released, or on a folder of photos with masks."""
    parser = CommandParser("evaluate", description=evaluate.__doc__, example="evaluate --model RUN/model --data DATA")
    parser.add_argument("--model", type=Path, required=True, help="model/ of a run")
    add_test_data(parser)
    calibration_help = "taken from the logits of names that the model was trained on; default: the model's own"
    parser.add_argument("--calibration", type=float | None, help=calibration_help)
    parser.add_argument("--out", type=Path | None, help="JSON file for the scores")
    given = parser.parse_args(list(arguments))
    from clipteacher.data.dataset import SegmentationDataset
    from clipteacher.evaluation.evaluate import pooled_confusion
    from clipteacher.evaluation.metrics import compute_metrics
    from clipteacher.inference.calibration import calibration_entry
    from clipteacher.inference.seen_gate import gate_entry
    from clipteacher.segmenter.segmenter import Segmenter

    with user_errors():
        check_json("out", given.out, ("protocol", "hIoU"))
        segmenter = Segmenter.from_pretrained(given.model)
        if given.calibration is not None:
            segmenter = segmenter.with_settings(calibration=given.calibration)
        # As a run is scored: what was wanted and is no class here may take pixels too, and is wrong there.
        data, segmenter = open_test_data(given, segmenter, all_wanted=True)
        samples = SegmentationDataset(data.source, data.class_split, training=False)
        with Progress() as progress:  # closed here, also when a file turns out to be bad
            photos, split = tracked(samples, progress, "Segmenting"), data.class_split
            confusion = pooled_confusion(segmenter, photos, len(split.names))
        result, calibration = compute_metrics(confusion, split), segmenter.settings.calibration
        if given.out is not None:
            tested = {**calibration_entry(calibration), **gate_entry(segmenter.gate)}
            write_json(given.out, {"protocol": data.protocol, **tested, **result.to_dict()})
    print_scores(result, split, data.protocol, calibration, segmenter.gate)
