"""The tutorial's program as people write it: one PIL image at a time to a tensor, DataLoader, batches of 100.

`python benchmarks/tutorial_program.py` prints the seconds of its two loops and its test accuracy as JSON.
It is the slower side of `benchmarks/softmax.py`; the images come from shuzi's cache.
"""

import json
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import shuzi


class ToTensor:
    """An image object to a float tensor, with the checks that a library's transform makes on each."""

    def __call__(self, image):
        if not isinstance(image, Image.Image):
            raise TypeError(f"expected an image, got {type(image)}")
        types = {"I": np.int32, "I;16": np.int16, "F": np.float32}
        pixels = torch.from_numpy(np.array(image, types.get(image.mode, np.uint8), copy=True))
        if image.mode == "1":
            pixels = 255 * pixels
        pixels = pixels.view(image.size[1], image.size[0], len(image.getbands()))
        pixels = pixels.permute((2, 0, 1)).contiguous()
        return pixels.to(torch.get_default_dtype()).div(255) if pixels.dtype == torch.uint8 else pixels


class PilDataset(torch.utils.data.Dataset):
    """MNIST as the classic dataset class gives it: an image object first, then what a transform makes of it."""

    def __init__(self, digits, transform):
        self.images, self.labels = torch.from_numpy(digits.images), torch.from_numpy(digits.labels).long()
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index].numpy())), int(self.labels[index])


def main():
    mnist_train, mnist_test = (PilDataset(digits, ToTensor()) for digits in shuzi.load("mnist"))
    train_loader = torch.utils.data.DataLoader(mnist_train, batch_size=100, shuffle=True)
    test_loader = torch.utils.data.DataLoader(mnist_test, batch_size=100, shuffle=False)
    W = (torch.randn(784, 10) / np.sqrt(784)).requires_grad_()
    b = torch.zeros(10, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=0.1)
    started = time.perf_counter()
    for images, labels in train_loader:
        optimizer.zero_grad()
        y = torch.matmul(images.view(-1, 28 * 28), W) + b
        F.cross_entropy(y, labels).backward()
        optimizer.step()
    trained = time.perf_counter()
    correct = torch.zeros(())
    with torch.no_grad():
        for images, labels in test_loader:
            y = torch.matmul(images.view(-1, 28 * 28), W) + b
            correct += torch.sum((torch.argmax(y, dim=1) == labels).float())
    print(
        json.dumps(
            {
                "train_seconds": trained - started,
                "test_seconds": time.perf_counter() - trained,
                "test_accuracy": float(correct) / len(mnist_test),
            }
        )
    )


if __name__ == "__main__":
    main()
