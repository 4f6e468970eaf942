"""Small networks and text towers that stand in for real ones, shared by all tests.

Their weights are random and always the same. They record what they were given, so a test can check who was asked.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clipteacher.teachers.teacher import Frozen, TeacherTokens


def word_vectors(names: Sequence[str], width: int) -> Tensor:
    """Hash words to unit vectors (N, width): a word has the same vector in every test and process."""
    seeds = [zlib.crc32(name.encode()) for name in names]
    return F.normalize(torch.stack([random_tensor(width, seed=seed) for seed in seeds]), dim=1)


def random_tensor(*shape: int, seed: int = 0) -> Tensor:
    """Draw a tensor of a shape from a normal distribution, the same for the same seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_images(*shape: int, seed: int = 0) -> Tensor:
    """Draw images of a shape, uniform in [0, 1], the same for the same seed."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def unit_vectors(count: int, width: int, seed: int = 1) -> Tensor:
    """Draw unit vectors (count, width), the same for the same seed, such as text features."""
    return F.normalize(random_tensor(count, width, seed=seed), dim=1)


def smooth_photo(height: int, width: int, seed: int = 0) -> Tensor:
    """Draw blobs of colour with a little noise, (3, H, W), in [0, 1] in steps of 1/255, the same for the same seed."""
    smooth = F.interpolate(random_images(1, 3, 5, 7, seed=seed), size=(height, width), mode="bilinear")[0]
    noisy = (smooth + 0.05 * random_tensor(3, height, width, seed=seed)).clamp(0, 1)
    return (noisy * 255).round() / 255


def convolutions(width: int, *more: nn.Module) -> nn.Sequential:
    """Make a plain network of your own, as anybody writes it: C features at stride 4, and more layers after them."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=4, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, width, 3, padding=1), *more
    )


class StandInStudent(nn.Module):
    """Two convolutions at a stride, with the image's mean between them: features depend on size, window and padding.

    Args:
        width: Channels C of the features.
        stride: Stride of the features.
        multiple: What sides of images must be a multiple of, as many encoders ask for.
        dropout: Share of the hidden channels' values that is dropped in training.
        seed: Seed of the weights.

    Attributes:
        sizes: Shapes of the images that it was given.
    """

    def __init__(self, width: int, stride: int = 4, *, multiple: int = 1, dropout: float = 0.0, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.encoder = nn.Conv2d(3, 8, 5, stride=stride, padding=2)
            self.head = nn.Conv2d(8, width, 1)
        self.dropout = nn.Dropout(dropout)
        self.multiple = multiple
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, C, h, w)."""
        self.sizes.append(tuple(images.shape))
        if any(side % self.multiple for side in images.shape[2:]):
            raise ValueError(f"got {tuple(images.shape)}, expected sides that are multiples of {self.multiple}")
        hidden = self.encoder(images)
        hidden = torch.tanh(hidden - hidden.mean(dim=(2, 3), keepdim=True) / 2)
        features: Tensor = self.head(self.dropout(hidden))
        return features


class StandInText:
    """A text tower of hashes.

    Args:
        width: Channels C of the vectors.

    Attributes:
        asked: The words of each call.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.asked: list[list[str]] = []

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors (N, C)."""
        self.asked.append(list(names))
        return word_vectors(names, self.width)

    def spec(self) -> dict[str, Any] | None:
        """Return None: nothing can build it again."""
        return None


class StandInTeacher(nn.Module):
    """A frozen convolution with batch norm over patches of pixels, and hashes for words.

    Args:
        width: Channels C of the joint space.
        patch: Side of a patch in pixels.
        seed: Seed of the weights.

    Attributes:
        text: The text tower; `text.asked` lists the words that were encoded.
        sizes: Shapes of the images that were encoded.
    """

    def __init__(self, width: int, patch: int = 4, *, seed: int = 7) -> None:
        super().__init__()
        self.width = width
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.tower = Frozen(nn.Sequential(nn.Conv2d(3, width, patch, patch), nn.BatchNorm2d(width), nn.Tanh()))
        self.text = StandInText(width)
        self.sizes: list[tuple[int, ...]] = []

    def encode_image(self, images: Tensor) -> TeacherTokens:
        """Encode images (B, 3, H, W) as their tokens, CLS (B, C) and dense (B, C, H/patch, W/patch)."""
        self.sizes.append(tuple(images.shape))
        dense = self.tower(images)
        return TeacherTokens(dense.mean(dim=(2, 3)), dense)

    def encode_text(self, names: Sequence[str]) -> Tensor:
        """Encode N names as unit vectors (N, C)."""
        return self.text.encode_text(names)

    def spec(self) -> dict[str, Any] | None:
        """Return None: nothing can build it again."""
        return None
