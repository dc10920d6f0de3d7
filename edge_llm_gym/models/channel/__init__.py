"""The radio channel: path loss, shadowing, fading, spectral efficiency and the band share that a payload needs.

The power spectral density is constant: a transmitter with a share of the band transmits with that share of its power.
Its SNR therefore does not depend on the share, and its rate is linear in it.
"""

from edge_llm_gym.models.channel.continuation import continued_power, power_given_efficiency
from edge_llm_gym.models.channel.fading import (
    bessel_j0,
    faded_efficiency_paths,
    fading_correlation,
    spectral_efficiency_path,
)
from edge_llm_gym.models.channel.link import (
    mean_snr,
    minimum_share,
    noise_power_w,
    rate_bps,
    received_power_w,
    spectral_efficiency,
)
from edge_llm_gym.models.channel.path_loss import PATH_LOSS, SHADOWING_DB, path_loss_db
from edge_llm_gym.models.channel.shadowing import shadowing_loss_db

__all__ = [
    "PATH_LOSS",
    "SHADOWING_DB",
    "bessel_j0",
    "continued_power",
    "faded_efficiency_paths",
    "fading_correlation",
    "mean_snr",
    "minimum_share",
    "noise_power_w",
    "path_loss_db",
    "power_given_efficiency",
    "rate_bps",
    "received_power_w",
    "shadowing_loss_db",
    "spectral_efficiency",
    "spectral_efficiency_path",
]
