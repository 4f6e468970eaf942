"""After training, with labels of unseen classes at hand: why are the scores what they are? Nothing here trains."""
