"""Conductances between the receivers of a large stage, summed over many senders in blocks.

A sender of n links adds n^2 numbers to the equations of its receivers. One by one, these are scattered writes to a
matrix that is larger than the cache of a core. Here the links of several senders are laid out as dense rows, and each
row of the matrix is read and written once for all of them, without its symmetric half.
"""

import numpy as np

from edge_llm_gym.compiled import kernel, njit
from edge_llm_gym.problems.arrays import Floats, Ints

_LEAST_RECEIVERS = 64
"""Below, the matrix is small; the sums of small stages keep their order, and solutions all their digits."""
_LEAST_DENSITY = 0.25
"""Share of the receivers that a sender must reach on average, so that the zeros of dense rows cost less."""
_BLOCK = 4


@kernel
def sums_in_blocks(first_link: Ints, first: int, end: int, receivers: int) -> bool:
    """Whether `subtract_pairs` takes less time for the senders first .. end - 1 than the sums one by one."""
    links = first_link[end] - first_link[first]
    return receivers >= _LEAST_RECEIVERS and links >= _LEAST_DENSITY * receivers * (end - first)


@njit(cache=True)
def subtract_pairs(
    first_link: Ints, column: Ints, conductance: Floats, total: Floats, senders: tuple[int, int], laplacian: Floats
) -> None:
    """Subtract g_a g_b / total of all pairs of links (a, b) of each sender from ``laplacian`` [n, n], in place.

    ``senders`` is the range of the senders, ``column`` [L] the receiver of a link, an index into the laplacian,
    ``conductance`` [L] that of a link (g), ``total`` [D + K] the sum of a sender's conductances.
    """
    first, end = senders
    row = np.zeros((_BLOCK, laplacian.shape[0]))
    share = np.zeros((_BLOCK, laplacian.shape[0]))
    for start in range(first, end, _BLOCK):
        row[:], share[:] = 0.0, 0.0
        for place in range(min(_BLOCK, end - start)):
            sender = start + place
            for link in range(first_link[sender], first_link[sender + 1]):
                row[place, column[link]] = conductance[link]
                share[place, column[link]] = conductance[link] / total[sender]
        _subtract_block(row, share, laplacian)
    for upper in range(laplacian.shape[0]):
        for lower in range(upper + 1, laplacian.shape[0]):
            laplacian[lower, upper] = laplacian[upper, lower]


@kernel
def _subtract_block(row: Floats, share: Floats, laplacian: Floats) -> None:
    """Subtract the products of ``row`` and ``share`` [_BLOCK, n] from the upper triangle."""
    size = laplacian.shape[0]
    for upper in range(size):
        first, second, third, fourth = share[0, upper], share[1, upper], share[2, upper], share[3, upper]
        if first == 0.0 and second == 0.0 and third == 0.0 and fourth == 0.0:
            continue
        target, a, b, c, d = laplacian[upper, upper:], row[0, upper:], row[1, upper:], row[2, upper:], row[3, upper:]
        for other in range(target.size):
            target[other] -= first * a[other] + second * b[other] + third * c[other] + fourth * d[other]
