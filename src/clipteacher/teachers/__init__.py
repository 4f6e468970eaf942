"""What a teacher must be, and the frozen ones."""
