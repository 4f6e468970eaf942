"""Pixel Learning Module: pseudo labels for ignored pixels, and prototypes that classify them."""
