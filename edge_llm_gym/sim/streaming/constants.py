"""Constants of a streaming scenario that a scheduler may know in advance: loads, service times, links."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models.exits import ExitProfile, exit_profile
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.network import Network
from edge_llm_gym.scenario.sections import PayloadSection
from edge_llm_gym.sim.request_costs import RequestCosts, hosted_blocks
from edge_llm_gym.sim.wire_times import mean_wire_times_s
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.workload import Arrivals

SAMPLE = 20_000
"""Requests over which lengths are averaged; drawn with a seed of their own, the same in every process."""
SAMPLE_SEED = 0


@dataclass(frozen=True, eq=False)
class StreamingConstants:
    """The constants of a scenario with D devices, K nodes in S stages and a model in E blocks."""

    network: Network
    profile: ExitProfile
    rate_per_s: float  # of all devices together
    device_rate_per_s: Array  # [D] float64
    first_service_s: Array  # [K, E] float64, mean time on a node from its first block through this one, 0 elsewhere
    first_service_sq_s2: Array  # [K, E] float64, second moment of that time
    mean_bits: tuple[float, float]  # by radio, up and down
    mean_wire_s: Array  # [K, K] float64, mean time of a forwarded request on each link, inf where there is none
    mean_transfer_s: Array  # [K, K] float64, part of it until the request reaches the next node
    band_hz: Array  # [K1, 2] float64, one device's share of the bands of each first-stage node, up and down

    def service(self, leaving: Array) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of the service times, by where requests leave the node.

        `leaving` [K, E]: the share of a node's requests for which this is the last block that it computes: they
        exit there, or the node hosts no further block. Rows sum to one over the hosted blocks.
        Exits are independent of lengths.
        """
        return (leaving * self.first_service_s).sum(axis=1), (leaving * self.first_service_sq_s2).sum(axis=1)

    def whole_service(self) -> tuple[Array, Array]:
        """Mean [K] and second moment [K] of the service times where every request takes all blocks of its node."""
        last = (np.arange(len(self.network.last_block)), self.network.last_block)
        return self.first_service_s[last], self.first_service_sq_s2[last]

    def link_delay_s(self, spectral_efficiency: Array) -> Array:
        """[D + K, K] float64 s, delay of a request of mean size on every link, inf where there is none.

        Args:
            spectral_efficiency: [D, K1, 2] in bit/s/Hz: the observation's, times the scenario's cap.

        Over the radio, it is the way up and the way back of the answer; over the wire, transfer and round trips.
        """
        devices, nodes = spectral_efficiency.shape[0], len(self.network.stage)
        delay_s = np.full((devices + nodes, nodes), np.inf)
        radio_s = np.asarray(self.mean_bits) / (self.band_hz * np.asarray(spectral_efficiency, np.float64))
        delay_s[:devices, self.network.entry_nodes] = radio_s.sum(axis=-1)
        delay_s[devices:] = self.mean_wire_s
        return delay_s


def streaming_constants(scenario: Scenario) -> StreamingConstants:
    """The constants of a scenario of streaming dynamics. Lengths are averaged over a sample of fixed seed.

    Raises ValueError for a scenario of another admission.
    """
    if scenario.dynamics != "streaming" or scenario.exits is None:
        raise ValueError(f"stream constants belong to dynamics 'streaming', got {scenario.dynamics!r}")
    network, requests = scenario.network, scenario.requests
    sample, rate_per_s = sample_arrivals(scenario)
    mean_s, square_s2 = _service_moments(scenario, sample)
    devices = scenario.devices.count
    up_bits = requests.bits_per_token * float(sample.prompt_tokens.mean()) + _mean_bits(requests.uplink_payload)
    down_bits = requests.bits_per_token * float(sample.output_tokens.mean()) + _mean_bits(requests.downlink_payload)
    entry = [scenario.nodes[index] for index in network.entry_nodes]
    return StreamingConstants(
        network=network,
        profile=exit_profile(scenario.exits.profile),
        rate_per_s=rate_per_s,
        device_rate_per_s=np.full(devices, rate_per_s / devices),
        first_service_s=mean_s,
        first_service_sq_s2=square_s2,
        mean_bits=(up_bits, down_bits),
        mean_wire_s=mean_wire_times_s(scenario, sample.prompt_tokens, sample.output_tokens),
        mean_transfer_s=mean_wire_times_s(scenario, sample.prompt_tokens, np.ones(1)),  # one token: no round trips
        band_hz=np.array([(node.uplink_hz, node.downlink_hz) for node in entry]) / devices,
    )


def sample_arrivals(scenario: Scenario) -> tuple[Arrivals, float]:
    """Requests of a scenario's workload, the same in every process, and their mean rate per second."""
    workload = build_workload(scenario.arrivals, scenario.lengths)
    rng, duration_s = np.random.default_rng(SAMPLE_SEED), SAMPLE / workload.rate_per_s
    sample = workload.draw(rng, duration_s)
    while sample.arrival_s.size == 0:  # possible for a process whose silences last as long
        sample = workload.draw(rng, duration_s)
    return sample, workload.rate_per_s


def _service_moments(scenario: Scenario, sample: Arrivals) -> tuple[Array, Array]:
    """Mean and second moment [K, E] of the time from a node's first block through each of the following ones."""
    hosted = hosted_blocks(scenario)
    times_s = RequestCosts(scenario).block_alone_s(sample.prompt_tokens, sample.output_tokens)
    mean_s, square_s2 = np.zeros((2, len(scenario.nodes), len(scenario.block_layers)))
    for node in range(len(scenario.nodes)):
        indices = [index for index, one in enumerate(hosted) if one.node == node]
        through_s = np.cumsum(times_s[:, indices], axis=1)
        blocks = [hosted[index].block for index in indices]
        mean_s[node, blocks], square_s2[node, blocks] = through_s.mean(axis=0), (through_s**2).mean(axis=0)
    return mean_s, square_s2


def _mean_bits(payload: PayloadSection) -> float:
    return payload.probability * (payload.bits[0] + payload.bits[1]) / 2.0
