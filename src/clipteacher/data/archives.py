"""The archives that each data set consists of: home pages, licences, published checksums, and what they unpack to."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from clipteacher.data.coco_stuff import IMAGE_PLACES, MASK_PLACES
from clipteacher.data.context import DEVKIT_PLACES, MASK_FOLDERS
from clipteacher.data.voc import SBD_PLACES, VOC_PLACES


class Archive(NamedTuple):
    """A file to download.

    Attributes:
        name: Its name.
        algorithm: Kind of checksum; None where none has been published.
        digest: The checksum, hexadecimal.
    """

    name: str
    algorithm: Literal["md5", "sha1"] | None = None
    digest: str = ""


class Part(NamedTuple):
    """What one or more archives unpack to.

    Attributes:
        what: What it is.
        places: Folders below the root; one of them is enough.
        archives: Where it comes from.
        home: Home page.
        licence: What to know before use; the home page has the terms.
    """

    what: str
    places: tuple[str, ...]
    archives: tuple[Archive, ...]
    home: str
    licence: str


_FLICKR: Final = "research use; photos under Flickr's terms"
_COCO: Final = "photos under Flickr's terms, annotations CC BY 4.0"

PARTS: Final[Mapping[str, tuple[Part, ...]]] = MappingProxyType(
    {
        "voc12": (
            Part(
                "PASCAL VOC 2012, photos, masks and lists",
                tuple(f"{place}/SegmentationClass" for place in VOC_PLACES),
                # torchvision, datasets/voc.py
                (Archive("VOCtrainval_11-May-2012.tar", "md5", "6cd6e144f989b92b3379bac3b3de84fd"),),
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/",
                _FLICKR,
            ),
            Part(
                "SBD, more masks to train on",
                (
                    *(f"{place}/cls" for place in SBD_PLACES),
                    *(f"{place}/SegmentationClassAug" for place in VOC_PLACES),
                ),
                # torchvision, datasets/sbd.py
                (Archive("benchmark.tgz", "md5", "82b4d87ceb2ed10f6038a1cba92111cb"),),
                "http://home.bharathh.info/pubs/codes/SBD/download.html",
                _FLICKR,
            ),
        ),
        "coco-stuff": (
            Part(
                "COCO 2017, photos to train on",
                tuple(f"{place}train2017" for place in IMAGE_PLACES),
                # PaddleDetection, dataset/download; LVIS for Detectron2 and others have the same
                (Archive("train2017.zip", "md5", "cced6f7f71b7629ddf16f17bbcfab6b2"),),
                "https://cocodataset.org/#download",
                _COCO,
            ),
            Part(
                "COCO 2017, photos to test on",
                tuple(f"{place}val2017" for place in IMAGE_PLACES),
                (Archive("val2017.zip", "md5", "442b8da7639aecaf257c1dceb8ba8c80"),),
                "https://cocodataset.org/#download",
                _COCO,
            ),
            Part(
                "COCO-Stuff, stuffthingmaps",
                tuple(f"{place}train2017" for place in MASK_PLACES),
                (Archive("stuffthingmaps_trainval2017.zip"),),
                "https://github.com/nightrome/cocostuff#downloads",
                "annotations CC BY 4.0",
            ),
        ),
        "context": (
            Part(
                "PASCAL VOC 2010, photos and lists",
                tuple(f"{place}/JPEGImages" for place in DEVKIT_PLACES),
                # torchvision, datasets/voc.py
                (Archive("VOCtrainval_03-May-2010.tar", "md5", "da459979d0c395079b5c75ee67908abb"),),
                "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/",
                _FLICKR,
            ),
            Part(
                "PASCAL Context, masks of 459 labels (.mat) or of 59 (PNG)",
                (
                    *(f"{place}/{folder}" for folder in MASK_FOLDERS for place in DEVKIT_PLACES),
                    *MASK_FOLDERS,
                ),
                # tf-image-segmentation's data_pascal_voc.py, one reader's; the home page has none
                (
                    Archive("trainval.tar.gz", "md5", "df034edb2c12aa7d33b42b20bb1796e3"),
                    Archive("59_context_labels.tar.gz", "md5", "f85d450010762a0e1080304286ce30ed"),
                ),
                "https://cs.stanford.edu/~roozbeh/pascal-context/",
                "research use; see the home page",
            ),
        ),
        "ade20k": (
            Part(
                "ADE20K, scene parsing of 150 classes",
                ("ADEChallengeData2016/annotations/validation", "annotations/validation"),
                # GluonCV, scripts/datasets/ade20k.py
                (Archive("ADEChallengeData2016.zip", "sha1", "219e1696abb36c8ba3a3afe7fb2f4b4606a897c7"),),
                "http://sceneparsing.csail.mit.edu/",
                "research and education, not commercial; see the home page",
            ),
        ),
        "ade20k-full": (
            Part(
                "ADE20K, the full release of January 2021",
                ("ADE20K_2021_17_01/images/ADE/validation", "images/ADE/validation"),
                (Archive("ADE20K_2021_17_01.zip"),),
                "https://groups.csail.mit.edu/vision/datasets/ADE20K/",
                "research and education, not commercial; free after registration at the home page",
            ),
        ),
        "msrc21": (
            Part(
                "MSRC-21 in the folder format: classes.txt, images/{train,val}, masks/{train,val}",
                ("masks/train",),
                (),
                "https://www.microsoft.com/en-us/research/project/image-understanding/",
                "research use, not for redistribution",
            ),
        ),
    }
)
"""The parts of each data set, by its key."""
