"""A small CLIP of the drawn world with a vision transformer: `package:clipteacher.demo.tiny_clip_vit`."""
