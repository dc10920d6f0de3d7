"""Transmission: choice of the next node, radio and wired links."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.records import NetworkConstants


@kernel
def sample_next_node(network: NetworkConstants, sender: int, weights: Array, row: int, uniform: float) -> int:
    """The receiver that a uniform number in [0, 1) selects among a sender's links.

    `sender` counts as in `NetworkConstants.link_first`; weights [rows, K] hold its offload weights in `row`. A link has
    the probability weight / sum of the weights of the sender's links; without a positive weight all are equally likely.
    The links divide [0, 1) in the order of the nodes.
    """
    first, end = network.link_first[sender], network.link_first[sender + 1]
    total = 0.0
    for link in range(first, end):
        total += weights[row, network.link_target[link]]
    if total <= 0.0:
        return network.link_target[min(first + int(uniform * (end - first)), end - 1)]
    left, chosen = uniform * total, -1
    for link in range(first, end):
        weight = weights[row, network.link_target[link]]
        if weight > 0.0:
            chosen = network.link_target[link]
            left -= weight
            if left < 0.0:
                break
    return chosen


@kernel
def radio_s(bits: float, band_hz: float, spectral_efficiency: float) -> float:
    """Transmission time in s over the air: bits / (band * spectral efficiency), on the device's own share of the band.

    Every device owns the share 1 / D of each entry node's band in both directions, whether or not others transmit. Its
    power spectral density is constant, so the efficiency does not depend on the share. Transmissions do not queue.
    """
    return bits / (band_hz * spectral_efficiency)


@kernel
def wire_s(bits: float, rate_bps: float, latency_s: float) -> float:
    """Transmission time in s over a wired link: latency + bits / rate. Transmissions do not queue."""
    return latency_s + bits / rate_bps


@kernel
def round_trip_s(bits: float, rate_bps: float, latency_s: float) -> float:
    """Time in s that a token spends on the link between two successive stages while a request decodes.

    A token cannot start at the first stage before the previous one has left the last stage. So for each token after the
    first, a hidden vector goes down the link and a token comes back, `bits` in all: 2 latency + bits / rate.
    """
    return 2.0 * latency_s + bits / rate_bps
