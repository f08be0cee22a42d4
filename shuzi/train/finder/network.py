"""The finder's network: whether a digit stands at each place of a picture, which, and in what box.

U-shaped, of 3x3 convolutions with batch norm and residuals (He et al. 2016), at strides 2, 4, 8, 16 and back to 4. It
answers as CenterNet does (X. Zhou et al., "Objects as points", arXiv 1904.07850): heatmaps whose peaks are the
middles of digits, and beside each peak its class, its box and, beyond CenterNet, where the number goes on. A second
answer, at the picture's own size, says how much of each pixel is a digit's ink.
"""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from shuzi.maps import CHANNELS, HEAT

EVEN = 5 / 255  # of grey: what varies less than that counts as even
RARE = -4.0  # the heatmaps' logit at first: nothing is likely anywhere, as Lin et al. 2017 advise


def convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions whose answer is added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        return F.relu(x + self.second(self.first(x)))


def contrast_normalised(grey: Tensor) -> Tensor:
    """Local contrast normalisation: each pixel less the mean around it, over the spread around it, within -8 to 8.

    grey: float32 (B, 1, H, W) in [0, 1], H and W multiples of 16. The mean is of about 80 pixels a side, the
    spread of 144. After K. Jarrett et al., "What is the best multi-stage architecture for object recognition?" (2009).
    """

    def around(values: Tensor, blocks: int) -> Tensor:
        coarse = F.avg_pool2d(F.avg_pool2d(values, 16), blocks, 1, blocks // 2, count_include_pad=False)
        return F.interpolate(coarse, scale_factor=16.0, mode="bilinear", align_corners=False)

    apart = grey - around(grey, 5)
    spread = (around(apart * apart, 9) + EVEN**2).sqrt()
    return (apart / spread).clamp(-8, 8)


class Finder(nn.Module):
    """Grey pictures to maps and ink."""

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 128)) -> None:
        super().__init__()
        two, four, eight, sixteen = widths
        self.down2 = nn.Sequential(convolution(1, two, 2), Residual(two))
        self.down4 = nn.Sequential(convolution(two, four, 2), Residual(four), Residual(four))
        self.down8 = nn.Sequential(convolution(four, eight, 2), Residual(eight), Residual(eight))
        self.down16 = nn.Sequential(convolution(eight, sixteen, 2), Residual(sixteen), Residual(sixteen))
        self.to8, self.up8 = nn.Conv2d(sixteen, eight, 1), Residual(eight)
        self.to4, self.up4 = nn.Conv2d(eight, four, 1), Residual(four)
        self.maps = nn.Sequential(convolution(four, 96), nn.Conv2d(96, CHANNELS, 1))
        self.to2 = nn.Conv2d(four, two, 1)
        self.ink = nn.Sequential(convolution(two, two), nn.Conv2d(two, 8, 3, padding=1), nn.PixelShuffle(2))
        last = self.maps[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias[HEAT], RARE)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps (B, CHANNELS, H/4, W/4) and the logits of digits' ink and of any writing (B, 2, H, W).

        pictures: uint8 or float (B, 1, H, W), 0..255; H and W multiples of 16.
        """
        x2 = self.down2(contrast_normalised(pictures.float() / 255))  # (B, 24, H/2, W/2)
        x4 = self.down4(x2)  # (B, 48, H/4, W/4)
        x8 = self.down8(x4)  # (B, 96, H/8, W/8)
        x16 = self.down16(x8)  # (B, 128, H/16, W/16)
        x8 = self.up8(x8 + F.interpolate(self.to8(x16), scale_factor=2.0))
        x4 = self.up4(x4 + F.interpolate(self.to4(x8), scale_factor=2.0))
        return self.maps(x4), self.ink(x2 + F.interpolate(self.to2(x4), scale_factor=2.0))
