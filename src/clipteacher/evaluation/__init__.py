"""Scores: one confusion matrix pooled over a test set, and the metrics of generalized zero-shot segmentation."""
