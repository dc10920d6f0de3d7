"""Log-normal shadowing that is correlated over the sites which a device reaches."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled.streams import Stream, generator_of, stream_kernel, stream_of
from edge_llm_gym.compiled.totals import greatest

FloatArray = NDArray[np.float64]


def shadowing_loss_db(
    rng: np.random.Generator, deviation_db: float, correlation: float, devices: int, site: NDArray[np.int64]
) -> FloatArray:
    """Shadowing losses [D, K] in dB of every device and node; `site` [K] is the index of each node's site, from 0.

    X_dk = deviation (sqrt(rho) z_d + sqrt(1 - rho) z_ds) with independent standard normals z_d of the device (what
    surrounds it) and z_ds of the device and the site s of node k. Losses to different sites have the correlation rho;
    nodes of one site see the same loss (3GPP TR 36.814, Table A.2.1.1-1: 0.5 between sites, 1 between sectors).
    Draws the same numbers whatever the correlation. Raises ValueError for a correlation outside 0..1.
    """
    if not 0.0 <= correlation <= 1.0:
        raise ValueError(f"the shadowing correlation must lie in 0..1, got {correlation!r}")
    loss_db = np.empty((devices, site.size))
    _fill_losses(stream_of(rng), float(deviation_db), float(correlation), site, loss_db)
    return loss_db


@stream_kernel
def _fill_losses(
    stream: Stream, deviation_db: float, correlation: float, site: NDArray[np.int64], loss_db: FloatArray
) -> None:
    draw_losses(generator_of(stream), deviation_db, correlation, site, loss_db)


@stream_kernel
def draw_losses(
    rng: Any, deviation_db: float, correlation: float, site: NDArray[np.int64], loss_db: FloatArray
) -> None:
    """Fills losses [D, K] as `shadowing_loss_db` does, in a kernel."""
    devices, shared, own = len(loss_db), np.sqrt(correlation), np.sqrt(1.0 - correlation)
    common, specific = np.empty(devices), np.empty((devices, greatest(site) + 1))
    for device in range(devices):
        common[device] = rng.standard_normal()
    for device in range(devices):
        for index in range(specific.shape[1]):
            specific[device, index] = rng.standard_normal()
    for device in range(devices):
        for node in range(site.size):
            loss_db[device, node] = deviation_db * (shared * common[device] + own * specific[device, site[node]])
