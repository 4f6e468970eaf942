"""CLIPTeacher: a frozen CLIP trains any segmentation network, then leaves (arXiv 2310.02296)."""

__version__ = "0.1.0"
