"""Observation of early exits and links: quantiles of recent confidences, and features of the wired links."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.network import Network

LINK_FEATURES = (
    "exists",
    "rate",  # / 1e11 bit/s
    "latency",  # / 1 s
)
LINK_SCALES = np.array([1.0, 1e11, 1.0])
SEEN_EPOCHS = 8
"""`exit_confidence` covers requests that arrived in (streaming) or were admitted by (pooled) this many last epochs."""
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
CONFIDENCE_BINS = 64
"""Quantiles come from a histogram, so they are exact to the width of a bin, 1 / 64."""


def link_features(network: Network) -> Array:
    """[K, K, 3] float32 in [0, 1], LINK_FEATURES of the link from row to column."""
    links = np.stack([network.has_link, network.rate_bps, network.latency_s], axis=-1) / LINK_SCALES
    return np.minimum(links, 1.0).astype(np.float32)


@kernel
def count_confidences(
    confidence: Array,
    node: Array,
    finish_s: Array,
    exit_block: Array,
    last_block: Array,
    request: int,
    now_s: float,
    count: Array,
) -> None:
    """Adds to count [E, bins] the confidences of a request at the exits that have been computed by now.

    Arrays of one row: confidence [C, E], node [C, S] 1 + node in each stage (0 for none), finish_s [C, S] end of the
    computation there, exit_block [C] 1 + block after which the request exits; last_block [K]. A request passes the
    blocks in order, so the computed ones are the first ones.
    """
    computed = 0
    for stage in range(node.shape[1]):
        visited = node[request, stage] - 1
        if visited < 0 or finish_s[request, stage] > now_s:
            break
        computed = min(exit_block[request], last_block[visited] + 1)
    for block in range(computed):
        column = int(confidence[request, block] * count.shape[1])
        count[block, min(column, count.shape[1] - 1)] += 1


@kernel
def histogram_quantiles(count: Array, probabilities: Array, out: Array) -> None:
    """Fills out [Q] with quantiles of numbers in [0, 1] whose histogram is count [bins], uniform within a bin.

    Sums up `count` in place. All quantiles are 0 for an empty histogram.
    """
    total = 0
    for column in range(count.size):
        total += count[column]
        count[column] = total
    out[:] = 0.0
    if total == 0:
        return
    for index in range(probabilities.size):
        wanted = probabilities[index] * total
        least = max(int(np.ceil(wanted)), 1)  # an integer is below both or none, and no quantile lies in an empty bin
        column = 0
        for place in range(count.size):  # a search that stops at the bin would be slower: it cannot be vectorised
            column += count[place] < least
        below = count[column - 1] if column > 0 else 0
        out[index] = (column + (wanted - below) / (count[column] - below)) / count.size
