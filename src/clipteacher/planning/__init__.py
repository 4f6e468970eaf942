"""From a folder of photos to a trained model: all that training must be told is decided from data and machine."""
