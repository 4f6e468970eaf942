"""Diagnosis of a trained student, with labels of unseen classes. Nothing here trains."""
