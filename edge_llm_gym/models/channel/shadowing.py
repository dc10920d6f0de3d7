"""Log-normal shadowing that is correlated over the sites which a device reaches."""

import numpy as np
from numpy.typing import NDArray

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
    common = rng.standard_normal((devices, 1))
    specific = rng.standard_normal((devices, int(site.max()) + 1))[:, site]
    return deviation_db * (np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * specific)
