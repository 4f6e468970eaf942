"""The version of the package, which files carry that it writes."""

__version__ = "0.1.0"
