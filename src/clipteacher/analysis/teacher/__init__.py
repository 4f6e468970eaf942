"""How well a teacher knows names on one's own photographs, before an hour is spent on training."""
