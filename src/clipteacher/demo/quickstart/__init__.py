"""The whole method in minutes on what the package carries: a drawn world, a tiny CLIP, and no download."""
