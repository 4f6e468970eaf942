"""See the method work with no download: a drawn world, a tiny CLIP, and the quickstart on both."""
