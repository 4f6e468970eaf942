"""After training: a network and the class names it answers to. No teacher is needed here."""
