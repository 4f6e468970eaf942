"""The packages of the extra `onnx`, which are imported when they are needed and not before."""

from __future__ import annotations

import importlib
from typing import Any


def needed(package: str) -> Any:  # noqa: ANN401 (a module)
    """Import "onnx" or "onnxruntime".

    Raises:
        ImportError: It is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f'onnx: the package {package} cannot be imported ({error}). Type: pip install "clipteacher[onnx]"'
        ) from error
