"""How well a teacher knows class names on your own photographs, before an hour of training."""
