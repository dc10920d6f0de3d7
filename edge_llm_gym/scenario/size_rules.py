"""Rules on the size of an episode: its duration, its requests and the memory that they need."""

import math
from typing import Final

from edge_llm_gym.scenario.fields import ScenarioFields
from edge_llm_gym.units import GIGA
from edge_llm_gym.workload import published
from edge_llm_gym.workload.published import PUBLISHED

MAX_DURATION_S: Final = 1e9
"""Times in an episode are then exact to about 1e-7 s."""
MAX_EPISODE_BYTES: Final = 8e9
"""Memory of the tape and the state of one row."""
MAX_DOPPLER_CYCLES: Final = 1e4
"""Cycles of the Doppler shift in an epoch, after which less than 1 % of the fading gain is correlated."""
BURST_DEVIATIONS: Final = 6.0
"""Standard deviations above the mean number of requests for which a tape has room."""


def duration_is_exact(scenario: ScenarioFields) -> None:
    """An episode lasts at most `MAX_DURATION_S`."""
    duration_s = scenario.horizon_epochs * scenario.epoch_s
    if duration_s > MAX_DURATION_S:
        raise ValueError(
            f"an episode may last {MAX_DURATION_S:g} s, so that times in it are exact, got horizon_epochs "
            f"{scenario.horizon_epochs} of epoch_s {scenario.epoch_s:g}, which is {duration_s:.3g} s; lower one of them"
        )


def fading_is_correlated(scenario: ScenarioFields) -> None:
    """The Doppler shift has at most `MAX_DOPPLER_CYCLES` cycles in an epoch."""
    doppler_hz = scenario.channel.doppler_hz
    if doppler_hz is not None and doppler_hz * scenario.epoch_s > MAX_DOPPLER_CYCLES:
        raise ValueError(
            f"channel.doppler_hz may have {MAX_DOPPLER_CYCLES:g} cycles in an epoch, got {doppler_hz:g} Hz in an epoch "
            f"of {scenario.epoch_s:g} s; write channel.correlation: 0 in its place, since such fading is not correlated"
        )


def episode_fits_the_memory(scenario: ScenarioFields) -> None:
    """Tape and state of one row fit in `MAX_EPISODE_BYTES`, as far as the rate of the arrivals is known here.

    Of a range of rates the upper end counts.

    That of a trace without a rate of its own is not known before the file is read: `require_memory` is called then.
    """
    rate_per_s = scenario.arrivals.highest_rate_per_s
    if rate_per_s is None and scenario.arrivals.process in PUBLISHED:
        rate_per_s = published(scenario.arrivals.process).arrivals.rate_per_s
    require_memory(scenario, rate_per_s or 0.0)


def require_memory(scenario: ScenarioFields, rate_per_s: float) -> None:
    """Raises ValueError, with the number of requests, if an episode at this rate does not fit in the memory."""
    requests = expected_requests(scenario, rate_per_s)
    needed = requests * bytes_per_request(scenario) + channel_bytes(scenario)
    if needed > MAX_EPISODE_BYTES:
        raise ValueError(
            f"an episode of horizon_epochs {scenario.horizon_epochs} of {scenario.epoch_s:g} s with {rate_per_s:g} "
            f"requests per s and {scenario.devices.count} devices has up to {requests:.3g} requests and needs about "
            f"{needed / GIGA:.3g} GB, of which {MAX_EPISODE_BYTES / GIGA:g} GB are allowed; lower horizon_epochs, "
            f"epoch_s, arrivals.rate_per_s or devices.count"
        )


def expected_requests(scenario: ScenarioFields, rate_per_s: float) -> float:
    """Requests for which a tape has room: the mean, and a margin for bursts."""
    mean = rate_per_s * (scenario.horizon_epochs + 1) * scenario.epoch_s
    return mean + BURST_DEVIATIONS * (scenario.arrivals.cv or 1.0) * math.sqrt(mean)


def bytes_per_request(scenario: ScenarioFields) -> float:
    """An upper limit of the bytes that tape and state hold per request, at most about twice what is allocated."""
    network, nodes = scenario.network, len(scenario.nodes)
    hosted = int((network.last_block - network.first_block + 1).sum())
    numbers = 32 + network.entry_nodes.size + hosted + 5 * network.stages + 2 * nodes
    return 8.0 * numbers + 5.0 * len(scenario.block_layers)


def channel_bytes(scenario: ScenarioFields) -> float:
    """Bytes of the radio channels of all devices and of what is logged per node and epoch."""
    epochs, nodes = scenario.horizon_epochs + 1, len(scenario.nodes)
    return epochs * (12.0 * scenario.devices.count * scenario.network.entry_nodes.size + 48.0 * nodes)
