"""A small CLIP of the drawn world, open_clip's configuration and weights: `package:clipteacher.demo.tiny_clip`."""
