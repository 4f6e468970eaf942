"""Reading photos and masks, augmenting them, and putting them into batches."""

from clipteacher.data.augment import Augment
from clipteacher.data.dataset import FolderDataset, Sample
from clipteacher.data.folder import DataError, Record, list_folder, read_class_names, read_image, read_mask, read_pair
from clipteacher.data.sampler import StepBatchSampler

__all__ = [
    "Augment",
    "DataError",
    "FolderDataset",
    "Record",
    "Sample",
    "StepBatchSampler",
    "list_folder",
    "read_class_names",
    "read_image",
    "read_mask",
    "read_pair",
]
