"""Draws the tape: everything random about an episode, from one Generator, before the first step."""

from dataclasses import dataclass

import numpy as np

from edge_llm_gym.models import channel, cost
from edge_llm_gym.models.llm import streamed_weight_bytes, weight_bytes
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.sections import PayloadSection
from edge_llm_gym.sim.state import DOWNLINK, UPLINK, Array, Tape
from edge_llm_gym.units import BITS_PER_BYTE, bits_to_bytes
from edge_llm_gym.workload.config import build_workload
from edge_llm_gym.workload.workload import Arrivals

Generator = np.random.Generator


@dataclass(frozen=True)
class NodeCosts:
    """What a request costs on one node: rates of the hardware, bits of the KV cache, quality of the answers."""

    rates: cost.NodeRates
    kv_bits: float
    room_bytes: float
    quality: float


def node_costs(scenario: Scenario) -> tuple[NodeCosts, ...]:
    """Cost constants of every node of a scenario."""
    return tuple(_node_costs(scenario, index) for index in range(len(scenario.nodes)))


def _node_costs(scenario: Scenario, index: int) -> NodeCosts:
    node = scenario.nodes[index]
    device, method = node.device(), node.method(scenario.shape.name)
    weights = weight_bytes(scenario.shape, method.weight_bits)
    rates = cost.NodeRates(
        usable_flops=device.peak_flops * node.usable_flops_fraction,
        memory_bandwidth=device.memory_bandwidth_bytes_per_s,
        weight_bytes=streamed_weight_bytes(scenario.shape, method.weight_bits),
        compute_scale=method.compute_scale,
    )
    room_bytes = device.memory_bytes * node.memory_fraction - weights
    return NodeCosts(rates, method.kv_bits, room_bytes, method.quality)


class TapeRecorder:
    """Draws episodes of one scenario. Building it reads the trace file, if the scenario names one."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.workload = build_workload(scenario.arrivals, scenario.lengths)
        self.costs = node_costs(scenario)
        self.duration_s = (scenario.horizon_epochs + 1) * scenario.epoch_s
        self._node_m = np.array([node.position_m for node in scenario.nodes])
        self._band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in scenario.nodes])
        self._correlation = scenario.fading_correlation
        self._power_dbm = np.array([node.transmit_power_dbm for node in scenario.nodes])

    def expected_requests(self) -> int:
        """A capacity that an episode seldom exceeds."""
        mean = self.workload.rate_per_s * self.duration_s
        return int(mean + 6.0 * np.sqrt(mean) + 16)

    def draw_arrivals(self, rng: Generator) -> Arrivals:
        """The requests of one episode, not yet on any tape: their number decides whether the tape is long enough."""
        return self.workload.draw(rng, self.duration_s)

    def write(self, rng: Generator, arrivals: Arrivals, tape: Tape, row: int) -> None:
        """Writes one episode into a row of the tape, whose capacity must suffice."""
        size = arrivals.arrival_s.size
        tape.length[row] = size
        tape.clipped[row] = arrivals.clipped_prompts, arrivals.clipped_outputs
        self._write_channels(rng, tape, row)
        self._write_requests(rng, arrivals, tape, row, size)
        self._write_costs(tape, row, size)

    def _write_channels(self, rng: Generator, tape: Tape, row: int) -> None:
        scenario, settings = self.scenario, self.scenario.channel
        devices, nodes = scenario.devices.count, len(scenario.nodes)
        tape.device_m[row] = rng.random((devices, 2)) * scenario.devices.area_m
        shadowing_db = settings.shadowing_db * rng.standard_normal((devices, nodes))
        innovations = rng.standard_normal((scenario.horizon_epochs + 1, devices, nodes, 2), dtype=np.float32)
        offset_m = tape.device_m[row][:, None, :] - self._node_m
        distance_m = np.hypot(offset_m[..., 0], offset_m[..., 1])
        loss_db = channel.path_loss_db(settings.path_loss, distance_m, settings.carrier_hz)
        up, down = self._mean_snr(loss_db, shadowing_db)
        channel.spectral_efficiency_path(
            innovations,
            self._correlation,
            up,
            down,
            settings.spectral_efficiency_cap,
            tape.spectral_efficiency[row],
        )

    def _mean_snr(self, loss_db: Array, shadowing_db: Array) -> tuple[Array, Array]:
        """Mean SNR [D, K] up and down, each over the whole band."""
        settings = self.scenario.channel
        device_dbm = self.scenario.devices.transmit_power_dbm
        up_nf, down_nf = settings.uplink_noise_figure_db, settings.downlink_noise_figure_db
        up = channel.mean_snr(device_dbm, loss_db, shadowing_db, self._band_hz[:, UPLINK], up_nf)
        down = channel.mean_snr(self._power_dbm, loss_db, shadowing_db, self._band_hz[:, DOWNLINK], down_nf)
        return up, down

    def _write_requests(self, rng: Generator, arrivals: Arrivals, tape: Tape, row: int, size: int) -> None:
        wants = self.scenario.requests
        budget_s = rng.uniform(*wants.budget_s, size) + wants.budget_per_output_token_s * arrivals.output_tokens
        tape.device[row, :size] = rng.integers(self.scenario.devices.count, size=size)
        tape.accuracy[row, :size] = rng.uniform(*wants.accuracy, size)
        tape.value[row, :size] = rng.uniform(*wants.value, size)
        tape.arrival_s[row, :size] = arrivals.arrival_s
        tape.deadline_s[row, :size] = arrivals.arrival_s + budget_s
        tape.prompt_tokens[row, :size] = arrivals.prompt_tokens
        tape.output_tokens[row, :size] = arrivals.output_tokens
        tape.bits[row, :size, UPLINK] = wants.bits_per_token * arrivals.prompt_tokens
        tape.bits[row, :size, UPLINK] += _payload_bits(rng, wants.uplink_payload, size)
        tape.bits[row, :size, DOWNLINK] = wants.bits_per_token * arrivals.output_tokens
        tape.bits[row, :size, DOWNLINK] += _payload_bits(rng, wants.downlink_payload, size)

    def _write_costs(self, tape: Tape, row: int, size: int) -> None:
        """Time and memory on every node, and the latest start that still meets the deadline there."""
        prompt, output = tape.prompt_tokens[row, :size], tape.output_tokens[row, :size]
        work_s, shared_s, kv_bytes = request_costs(self.scenario, self.costs, prompt, output)
        latest_s = tape.deadline_s[row, :size, None] - self.scenario.downlink_slot_s - work_s - shared_s
        fits = kv_bytes <= [node.room_bytes for node in self.costs]
        suffices = tape.accuracy[row, :size, None] <= [node.quality for node in self.costs]
        tape.work_s[row, :size] = work_s
        tape.shared_s[row, :size] = shared_s
        tape.kv_bytes[row, :size] = kv_bytes
        tape.latest_start_s[row, :size] = np.where(fits & suffices, latest_s, -np.inf)


def request_costs(
    scenario: Scenario, nodes: tuple[NodeCosts, ...], prompt_tokens: Array, output_tokens: Array
) -> tuple[Array, Array, Array]:
    """work_s, shared_s and kv_bytes, each [n, K] float64, of requests with the given token counts [n]."""
    shape = scenario.shape
    padded = np.full_like(prompt_tokens, scenario.lengths.max_prompt_tokens) if scenario.pad_prompts else prompt_tokens
    flops = cost.request_flops(shape, padded, output_tokens, head=scenario.lm_head)
    kv_elements = cost.kv_bytes(shape, padded, output_tokens, BITS_PER_BYTE)
    read_elements = cost.kv_read_bytes(shape, padded, output_tokens, BITS_PER_BYTE)
    kv_width = np.array([bits_to_bytes(node.kv_bits) for node in nodes])
    times = [
        cost.COST_MODELS[scenario.cost](node.rates, flops, read_elements * width, output_tokens)
        for node, width in zip(nodes, kv_width, strict=True)
    ]
    work_s, shared_s = (np.stack(column, axis=-1) for column in zip(*times, strict=True))
    return work_s, shared_s, kv_elements[:, None] * kv_width


def _payload_bits(rng: Generator, payload: PayloadSection, size: int) -> Array:
    """Extra bits of `size` requests; draws the same numbers whatever the probability."""
    carries = rng.random(size) < payload.probability
    return np.where(carries, np.rint(rng.uniform(*payload.bits, size)), 0.0)
