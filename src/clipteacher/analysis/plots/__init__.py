"""Charts of the diagnosis, drawn with matplotlib. They return figures and never touch pyplot's state."""
