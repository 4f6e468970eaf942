"""Why scores are what they are: of a trained student, and of a teacher before training."""
