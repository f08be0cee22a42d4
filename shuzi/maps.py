"""The maps that the finder's network returns: what their channels mean, for its training and for reading."""

from shuzi.page import MARKS

STRIDE = 4  # pixels of the picture per cell of the maps
HEATS = 1 + len(MARKS) + 1  # a heatmap for digits, one for each mark, and one for letters

# Channels, in this order: heatmaps; the ten classes; the middle's offset; width and height; whether another digit of
# the number follows, and where; where the digit is whose ink a cell shows; whether its writing is too small to be read.
HEAT = slice(0, HEATS)
CLASS = slice(HEATS, HEATS + 10)
OFFSET = slice(HEATS + 10, HEATS + 12)
SIZE = slice(HEATS + 12, HEATS + 14)
LINK = HEATS + 14
NEXT = slice(HEATS + 15, HEATS + 17)
OWNER = slice(HEATS + 17, HEATS + 19)
FINER = HEATS + 19
CHANNELS = HEATS + 20
