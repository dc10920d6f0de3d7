"""Memory that the processor loads ahead in all dynamics: of the row that is stepped or observed next."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.prefetch import prefetch

MOST_LOADED = 128
"""Devices or requests of a row: those of more would push one another out of the cache."""
LINE_NODES = 8
"""Links of a device to so many nodes share a cache line."""


@kernel
def prefetch_channels(efficiency: Array, row: int, epoch: int) -> None:
    """The channels of an epoch; efficiency [R, H + 1, D, K1, 2] float32."""
    for device in range(0, min(efficiency.shape[2], MOST_LOADED), max(LINE_NODES // efficiency.shape[3], 1)):
        prefetch(efficiency, (row, epoch, device, 0, 0))
