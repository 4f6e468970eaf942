"""Families of image towers: how each is read for a CLS token and dense tokens in one forward."""
