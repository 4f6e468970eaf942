"""Videos, a frame at a time: read, segmented and written with PyAV (the extra `video`), in constant memory."""
