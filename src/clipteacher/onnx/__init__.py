"""A trained student as one ONNX file, and what runs it without PyTorch: see docs/guides/onnx.md."""
