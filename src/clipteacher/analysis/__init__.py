"""Why scores are what they are: `student` diagnoses a trained student, `teacher` checks a teacher before training.

`wanted` shows what wanted names get on the training photos, before training and after.
"""
