"""From images to weights. Everything that needs torch lives here."""

import os

# On a busy machine, threads that spin while they wait for each other starve the one they wait for: an epoch
# of softmax regression took 28 s instead of 0.2 s beside two busy processes. A short spin costs nothing.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

# Memory that is asked of the system must be cleared before it is touched. In pages of 2 MB instead of 4 kB, where Linux
# has them, a step of the recipe `best` takes a fifth less time.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
