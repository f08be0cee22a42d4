"""Digits: images and labels held once, as bytes, and three ways to go through them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np

from shuzi.data import arrays
from shuzi.data.normalise import SIDE
from shuzi.errors import ShuziError, renamed

if TYPE_CHECKING:
    import torch
    from PIL import Image

    Transform = Callable[[Image.Image], Any]

CLASSES = 10
BY_FILES = "files"  # the rule that splits a dataset with a training part and a test part
GATHERED = 2000  # images gathered at once: 6 MB as float32 stay in the cache


@renamed(joined="concat", by_label="stratified_split", transformed="with_transform")  # in 0.3.0
@dataclass(frozen=True, eq=False, repr=False)
class Digits:
    """Images with their labels.

    Attributes:
        images: uint8 (N, 28, 28), 0 is paper and 255 is ink.
        labels: uint8 (N,), 0..9.
        name: what the set is called in messages and pictures.
        sha256: of the lines that `sha256sum` prints for its files; "" for a part of a set.
        transform: what `digits[i]` makes of an image, given a Pillow image of mode L, white ink on black, as
            torchvision's sets give it; None: float32 (1, 28, 28) in [0, 1].
        split_rule: how its set was split into training and test: by its files, or by the SHA-256 of its images.

    Raises:
        ShuziError: another type or shape, counts that differ, a label above 9.
    """

    images: np.ndarray
    labels: np.ndarray
    name: str = "digits"
    sha256: str = ""
    transform: "Transform | None" = None
    split_rule: str = BY_FILES

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
            raise ShuziError(
                f"{self.name}: images are {images.dtype} {images.shape}, expected uint8 (N, {SIDE}, {SIDE})"
            )
        if labels.dtype != np.uint8 or labels.ndim != 1:
            raise ShuziError(f"{self.name}: labels are {labels.dtype} {labels.shape}, expected uint8 (N,)")
        if len(images) != len(labels):
            raise ShuziError(f"{self.name}: {len(images):,} images but {len(labels):,} labels; they must pair up")
        if len(labels) and labels.max() >= CLASSES:
            where = int(labels.argmax())
            raise ShuziError(f"{self.name}: label {labels[where]} at index {where}, expected 0 to {CLASSES - 1}")

    @classmethod
    def from_arrays(cls, x: object, y: object = None, name: str = "digits") -> "Digits":
        """Make digits of arrays, tensors, tables or a dataset, without changing them.

        Args:
            x: images (N, 784), (N, 28, 28), (N, 28, 28, 1) or (N, 1, 28, 28), of numpy, torch or pandas, whole numbers
                or fractions from 0 to 1, 16 or 255. Other square sizes are laid out as 28x28. Or a `datasets.Dataset`
                with the columns image and label, or a torch `Dataset` of pairs of an image and a label.
            y: the labels (N,), 0 to 9; None for a dataset, which holds them.
            name: what messages call the set.

        Raises:
            ShuziError: another shape or type, values out of range, or labels that aren't digits.
        """
        if y is None:
            rows = list(arrays.rows_of(x, name))
            x, y = arrays.stack([image for image, _ in rows], name), [label for _, label in rows]
        return cls(arrays.to_images(x, name), arrays.to_labels(y, name), name)

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"Digits({self.name!r}, {len(self):,} images)"

    def _repr_png_(self) -> bytes:
        from shuzi import display

        return display.sample(self.images, self.labels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return one image, float32 (1, 28, 28) in [0, 1] or transformed, and its label, for a DataLoader."""
        if self.transform is not None:
            from PIL import Image

            return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])
        return self.images[index, None].astype(np.float32) / 255, int(self.labels[index])

    def with_transform(self, transform: "Transform") -> "Digits":
        """Return the same digits with a transform that indexing applies to each image."""
        return replace(self, transform=transform)

    def counts(self) -> list[int]:
        """Count the images of each digit, 0 first."""
        return np.bincount(self.labels, minlength=CLASSES).tolist()

    def part(self, start: int, stop: int) -> "Digits":
        """Return the digits from `start` up to `stop`, sharing their memory."""
        images, labels, name = (self.images[start:stop], self.labels[start:stop], f"{self.name}[{start}:{stop}]")
        return replace(self, images=images, labels=labels, name=name, sha256="")

    def concat(self, other: "Digits") -> "Digits":
        """Concatenate these digits and those of another set."""
        images, labels = (np.concatenate([self.images, other.images]), np.concatenate([self.labels, other.labels]))
        return Digits(images, labels, f"{self.name} and {other.name}")

    def split(self, held_out: int, generator: np.random.Generator | None = None) -> "tuple[Digits, Digits]":
        """Split into a training and a validation part.

        Args:
            held_out: digits in the validation part.
            generator: draws them, stratified by label; at least one of each label stays in training if there is room.
                By default the last digits are held out.
        """
        if generator is None:
            return self.part(0, len(self) - held_out), self.part(len(self) - held_out, len(self))
        return self.stratified_split(held_out, generator.permutation(len(self)))

    def stratified_split(self, held_out: int, shuffled: np.ndarray) -> "tuple[Digits, Digits]":
        """Split as `split` does. The validation part has the same share of each label, taken in the order given.

        Args:
            held_out: digits in the validation part.
            shuffled: int (N,), the order in which digits are taken, as indices.
        """
        place = np.empty(len(self))  # rank of each digit within its label, 0..1; 1 for the last one
        for label in range(CLASSES):
            alike = shuffled[self.labels[shuffled] == label]
            place[alike] = (np.arange(len(alike)) + 0.5) / max(1, len(alike))
            place[alike[-1:]] = 1
        chosen = shuffled[np.argsort(place[shuffled], kind="stable")[:held_out]]
        out = np.isin(np.arange(len(self)), chosen)
        learnt, validation = (
            Digits(self.images[part], self.labels[part], f"{self.name}, {what}")
            for part, what in ((~out, "to learn"), (out, "validation"))
        )
        return learnt, validation

    def batches(
        self,
        batch_size: int,
        *,
        generator: "torch.Generator | None" = None,
        device: "str | torch.device" = "cpu",
        first: int = 0,
    ) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Iterate over all digits once in batches, the last one smaller if need be. Much faster than a DataLoader.

        Args:
            batch_size: images per batch, 1 or more.
            generator: draws the order; by default the set's own order.
            device: device of the batches.
            first: batches to skip, 0 or more.

        Yields:
            images float32 (B, 1, 28, 28) in [0, 1], labels int64 (B,).

        Raises:
            ShuziError: a number out of its range.
        """
        for name, value, least in (("batch_size", batch_size, 1), ("first", first, 0)):
            if not isinstance(value, Integral) or value < least:
                raise ShuziError(f"{name} {value!r}: expected a whole number, {least} or more")
        return self._batches(int(batch_size), generator, device, int(first))

    def _batches(
        self, batch_size: int, generator: "torch.Generator | None", device: "str | torch.device", first: int
    ) -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        import torch

        images = torch.from_numpy(self.images).to(device)  # (N, 28, 28), as bytes
        labels = torch.from_numpy(self.labels).to(device)
        order = torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        for chosen in order[first * batch_size :].to(device).split(batch_size * max(1, GATHERED // batch_size)):
            gathered = images[chosen].unsqueeze(1).float().div_(255)  # (some B, 1, 28, 28)
            yield from zip(gathered.split(batch_size), labels[chosen].long().split(batch_size), strict=True)
