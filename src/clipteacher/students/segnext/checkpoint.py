"""The checkpoints that SegNeXt's authors released, tensor by tensor."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from clipteacher.utils.weights import load_strictly, read_weights

# Layers that name classes: ImageNet's in the encoder's checkpoints, the data set's in the networks'.
CLASSIFIER = ("head.weight", "head.bias")
LAST_LAYER = ("decode_head.conv_seg.weight", "decode_head.conv_seg.bias")
# Ours alone: the last layer has the teacher's channels, and the bases for testing are fixed.
OURS = ("last.weight", "last.bias", "decode_head.hamburger.ham.bases")


def load_checkpoint(student: nn.Module, path: str | Path) -> None:
    """Load a checkpoint of SegNeXt's authors into a `SegNeXtStudent`, strictly.

    Two kinds are known, by their names: the encoder of the ImageNet classification (mscan_t.pth and so on), and a whole
    network of mmsegmentation 0.x, such as the one for ADE20K. Their layers that name classes (`head`, and
    `decode_head.conv_seg`) are left in the file; the student's last layer and its bases for testing stay as they are.
    Every other tensor, of the file and of the network, has its counterpart under the same name, or nothing is loaded.

    Args:
        student: The network.
        path: The file: a state dict, bare or under "state_dict", read without unpickling code.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds no state dict, or tensors that are missing, unknown or of another shape.
    """
    state = read_weights(path)
    if any(name.startswith("backbone.") for name in state):
        load_strictly(student, state, str(path), left_in_file=LAST_LAYER, left_as_is=OURS)
    else:
        load_strictly(student.get_submodule("backbone"), state, str(path), left_in_file=CLASSIFIER)
