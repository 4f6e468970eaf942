"""Annotations of other tools, COCO's JSON and Labelme's, written in the folder format."""
