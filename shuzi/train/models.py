"""Convolutional networks. Each takes images float32 (B, 1, 28, 28) in [0, 1] and gives logits (B, 11): the ten
digits, and last "not a digit".
"""

from torch import nn

OUTPUTS = 11


def convolution(before: int, after: int) -> list[nn.Module]:
    """3x3 convolution, batch norm, ReLU."""
    return [
        nn.Conv2d(before, after, 3, padding=1, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    ]


def reader() -> nn.Sequential:
    """The network that is shipped: six convolutions, 0.3 M parameters, 23 M multiplications an image."""
    return nn.Sequential(
        *convolution(1, 16),  # (B, 16, 28, 28)
        *convolution(16, 32),
        nn.MaxPool2d(2),
        *convolution(32, 64),  # (B, 64, 14, 14)
        *convolution(64, 64),
        nn.MaxPool2d(2),
        *convolution(64, 128),  # (B, 128, 7, 7)
        *convolution(128, 128),
        nn.AvgPool2d(3, 2),  # (B, 128, 3, 3): where a stroke lies still matters
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(128 * 9, OUTPUTS),
    )
