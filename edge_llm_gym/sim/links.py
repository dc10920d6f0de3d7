"""How a request gets from one place to the next: the choice of the sample_next_node, the radio, the wire."""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel


@kernel
def sample_next_node(
    link_first: Array, link_target: Array, sender: int, offload: Array, row: int, uniform: float
) -> int:
    """The node that weights and a request's uniform number choose among a sender's links.

    The weights stand in a row of `offload`; `link_first` and `link_target` are those of `StreamingParameters`. A link has
    the share weight / sum of the weights of the sender's links; without any positive one, all have equal shares. The
    links divide [0, 1) among them in the order of the nodes.
    """
    first, end = link_first[sender], link_first[sender + 1]
    total = 0.0
    for link in range(first, end):
        total += offload[row, link_target[link]]
    if total <= 0.0:
        return link_target[min(first + int(uniform * (end - first)), end - 1)]
    left, chosen = uniform * total, -1
    for link in range(first, end):
        weight = offload[row, link_target[link]]
        if weight > 0.0:
            chosen = link_target[link]
            left -= weight
            if left < 0.0:
                break
    return chosen


@kernel
def radio_s(bits: float, band_hz: float, spectral_efficiency: float) -> float:
    """Time over the air: bits / (band * spectral efficiency), the band being the device's own share.

    Every device owns the share 1 / D of each station's band in both directions, whoever else is sending, and its power
    spectral density is constant, so the efficiency does not depend on the share. Its own requests do not queue.
    """
    return bits / (band_hz * spectral_efficiency)


@kernel
def wire_s(bits: float, rate_bps: float, latency_s: float) -> float:
    """Time over a wired link: its latency and bits / rate. Requests do not queue for it."""
    return latency_s + bits / rate_bps
