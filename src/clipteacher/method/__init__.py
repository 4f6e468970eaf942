"""What trains the student: GLM, PLM, losses, and the framework that joins them (arXiv 2310.02296)."""
