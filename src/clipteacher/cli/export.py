"""`clipteacher export`: writes a trained student as one ONNX file, for machines without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipteacher.cli.arguments import NAMES, names
from clipteacher.cli.errors import user_errors
from clipteacher.cli.out_files import check_place
from clipteacher.cli.parser import CommandParser
from clipteacher.onnx.opsets import OPSET, OPSETS


def export(arguments: Sequence[str]) -> None:
    """Write a trained student as one ONNX file, from photos to ids, checked against PyTorch before it appears."""
    parser = CommandParser("export", description=export.__doc__, example="export --model RUN/model --onnx student.onnx")
    parser.add_argument("--model", type=str, required=True, help="model/ of a run, or a hub id, owner/name")
    parser.add_argument("--classes", type=NAMES, help='"cat, grass", or a .txt file, a word a line; default: its own')
    parser.add_argument("--onnx", type=Path, required=True, help="file to write, such as student.onnx")
    parser.add_argument("--text-input", action="store_true", help="take the text features as a second input")
    versions = ", ".join(map(str, OPSETS))
    parser.add_argument("--opset", type=int, default=OPSET, help=f"version of ONNX's operators: {versions}")
    given = parser.parse_args(list(arguments))
    from clipteacher.inference.placement import OWN_SIZE
    from clipteacher.onnx.export import export_onnx
    from clipteacher.segmenter.segmenter import Segmenter

    with user_errors():
        check_place("onnx", given.onnx)
        segmenter = Segmenter.from_pretrained(given.model)
        if (classes := names(given.classes)) is not None:
            segmenter = segmenter.with_names(classes)
        share = export_onnx(segmenter, given.onnx, text_input=given.text_input, opset=given.opset)
    print("Ids: " + ", ".join(f"{i} {name}" for i, name in enumerate(segmenter.class_names)))
    print(f"As PyTorch: {100 * share:.3f} % of the pixels or more, at three sizes")
    if segmenter.settings.pipeline != OWN_SIZE:
        print(
            "The graph takes a whole image at its own size. This model is tested at another size or in windows: "
            "`clipteacher segment --onnx` does that, and so must who runs the graph alone."
        )
    if calibration := segmenter.settings.calibration:
        outside = "not in the graph's own outputs, see docs/guides/onnx.md"
        print(f"Calibration {calibration:g}: {outside if given.text_input else 'in the logits and labels'}")
    print(f"Written: {given.onnx}, {given.onnx.stat().st_size / 1e6:.1f} MB")
