"""Names of the columns of arrays whose last axis holds a few quantities of different kinds."""

from typing import Final

# Directions of the radio: bits, shares, bands and spectral efficiencies.
UPLINK: Final = 0
DOWNLINK: Final = 1
# Costs of requests and loads of nodes: seconds that add up over a batch, seconds that it shares, bytes of KV cache.
WORK: Final = 0
SHARED: Final = 1
KV: Final = 2
# Completions of requests: end of the computation in s, quality of the answer.
END_S: Final = 0
QUALITY: Final = 1
