"""Annotations of other tools written as a folder of photographs and masks: COCO's JSON and Labelme's."""
