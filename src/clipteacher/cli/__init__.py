"""The command line; thin over the library.

What takes seconds to load is imported where it is used, after the arguments are parsed: help and typing mistakes need
no torch.
"""
