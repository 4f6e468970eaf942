"""Why scores are what they are: `student` diagnoses a trained student, `teacher` checks a teacher before training."""
