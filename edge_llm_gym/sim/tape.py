"""Writers of the parts that the tapes of all admissions share: the radio channels and what every request carries."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.models import channel
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.pooled.records import Tape
from edge_llm_gym.sim.streaming.records import StreamingTape
from edge_llm_gym.workload.config import build_workload
from edge_llm_gym.workload.workload import Arrivals

Generator = np.random.Generator
PILOT_DRAWS = 64
"""Draws that say how many requests an episode may have; real traffic varies far more than Poisson counts."""


class ChannelGenerator:
    """Draws the positions of the devices and their channels to the nodes `stations` (indices) over the epochs."""

    def __init__(self, scenario: Scenario, stations: Array) -> None:
        nodes = [scenario.nodes[index] for index in stations]
        self._scenario = scenario
        self._station_m = np.array([node.position_m for node in nodes])
        self._band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in nodes])
        device_dbm = scenario.devices.transmit_power_dbm
        self._power_dbm = np.array([(device_dbm, node.transmit_power_dbm) for node in nodes])
        self._correlation = scenario.fading_correlation
        links = scenario.horizon_epochs + 1, scenario.devices.count, len(nodes)
        self._power = np.empty(links, np.float32)  # work space

    def write(self, rng: Generator, tape: Tape | StreamingTape, row: int) -> None:
        """Writes one episode into a row of the tape."""
        scenario, settings = self._scenario, self._scenario.channel
        devices, stations = scenario.devices.count, len(self._station_m)
        tape.device_m[row] = rng.random((devices, 2)) * scenario.devices.area_m
        shadowing_db = settings.shadowing_db * rng.standard_normal((devices, stations))
        offset_m = tape.device_m[row][:, None, :] - self._station_m
        distance_m = np.hypot(offset_m[..., 0], offset_m[..., 1])
        loss_db = channel.path_loss_db(settings.path_loss, distance_m, settings.carrier_hz)
        channel.fading_path(rng, self._correlation, self._power)
        channel.spectral_efficiency_path(
            self._power,
            self._mean_snr(loss_db, shadowing_db),
            settings.spectral_efficiency_floor,
            settings.spectral_efficiency_cap,
            tape.spectral_efficiency[row],
        )

    def _mean_snr(self, loss_db: Array, shadowing_db: Array) -> Array:
        """Mean SNR [D, stations, 2] up and down, each over the whole band."""
        settings, loss_db, shadowing_db = self._scenario.channel, loss_db[..., None], shadowing_db[..., None]
        noise_figure_db = np.array([settings.uplink_noise_figure_db, settings.downlink_noise_figure_db])
        return channel.mean_snr(self._power_dbm, loss_db, shadowing_db, self._band_hz, noise_figure_db)


class _Wants(NamedTuple):
    """What requests ask for, as the kernel takes it: limits of uniform numbers, in pairs."""

    budget_s: tuple[float, float]
    budget_per_output_token_s: float
    accuracy: tuple[float, float]
    value: tuple[float, float]
    bits_per_token: float
    uplink_payload: tuple[float, float, float]  # probability, limits of the bits
    downlink_payload: tuple[float, float, float]


@kernel
def _within(rng, low, high):  # type: ignore[no-untyped-def]
    return low + (high - low) * rng.random()


@kernel
def _payload_bits(rng, payload):  # type: ignore[no-untyped-def]
    """Extra bits of a request; takes the same numbers whatever the probability."""
    probability, low, high = payload
    chance, bits = rng.random(), round(_within(rng, low, high))
    return bits if chance < probability else 0.0


@kernel
def _write_requests(rng, wants, devices, arrival_s, prompt_tokens, output_tokens, tape, row):  # type: ignore[no-untyped-def]
    arrival, deadline, device, bits = tape.arrival_s[row], tape.deadline_s[row], tape.device[row], tape.bits[row]
    prompt, output, accuracy, value = (
        tape.prompt_tokens[row],
        tape.output_tokens[row],
        tape.accuracy[row],
        tape.value[row],
    )
    for request in range(arrival_s.size):
        tokens_in, tokens_out = prompt_tokens[request], output_tokens[request]
        budget_s = _within(rng, *wants.budget_s) + wants.budget_per_output_token_s * tokens_out
        arrival[request] = arrival_s[request]
        deadline[request] = arrival_s[request] + budget_s
        prompt[request], output[request] = tokens_in, tokens_out
        device[request] = int(devices * rng.random())
        accuracy[request] = _within(rng, *wants.accuracy)
        value[request] = _within(rng, *wants.value)
        bits[request, UPLINK] = wants.bits_per_token * tokens_in + _payload_bits(rng, wants.uplink_payload)
        bits[request, DOWNLINK] = wants.bits_per_token * tokens_out + _payload_bits(rng, wants.downlink_payload)


class RequestGenerator:
    """Draws what every request carries beside its arrival time and its token counts."""

    def __init__(self, scenario: Scenario) -> None:
        wants = scenario.requests
        self._devices = scenario.devices.count
        self._wants = _Wants(
            budget_s=_floats(*wants.budget_s),
            budget_per_output_token_s=float(wants.budget_per_output_token_s),
            accuracy=_floats(*wants.accuracy),
            value=_floats(*wants.value),
            bits_per_token=float(wants.bits_per_token),
            uplink_payload=_floats(wants.uplink_payload.probability, *wants.uplink_payload.bits),
            downlink_payload=_floats(wants.downlink_payload.probability, *wants.downlink_payload.bits),
        )

    def write(self, rng: Generator, arrivals: Arrivals, tape: Tape | StreamingTape, row: int) -> None:
        """Writes the requests of one episode into a row of the tape, whose capacity must suffice."""
        tape.length[row] = arrivals.arrival_s.size
        tape.clipped[row] = arrivals.clipped_prompts, arrivals.clipped_outputs
        _write_requests(rng, self._wants, self._devices, *arrivals[:3], tape, row)


class TapeGenerator(ABC):
    """Draws episodes of one scenario. Building it reads the trace file, if the scenario names one.

    `stations` [k] are the nodes that devices reach by radio; an episode's arrivals span `epochs` epochs.
    """

    def __init__(self, scenario: Scenario, stations: Array, epochs: int) -> None:
        self.scenario = scenario
        self.workload = build_workload(scenario.arrivals, scenario.lengths)
        self.duration_s = epochs * scenario.epoch_s
        self._radio = ChannelGenerator(scenario, stations)
        self._requests = RequestGenerator(scenario)

    def expected_requests(self) -> int:
        """A capacity that an episode hardly ever exceeds: six standard deviations above the mean of a few draws."""
        rng = np.random.default_rng(0)
        counts = [self.draw_arrivals(rng).arrival_s.size for _ in range(PILOT_DRAWS)]
        return int(np.mean(counts) + 6.0 * np.std(counts)) + 16

    def draw_arrivals(self, rng: Generator) -> Arrivals:
        """The requests of one episode, not yet on any tape: their number decides whether the tape is long enough."""
        return self.workload.draw(rng, self.duration_s)

    def write(self, rng: Generator, arrivals: Arrivals, tape: Any, row: int) -> None:
        """Writes one episode into a row of the admission's own tape, whose capacity must suffice."""
        self._radio.write(rng, tape, row)
        self._requests.write(rng, arrivals, tape, row)
        self._write_rest(rng, arrivals, tape, row)

    @abstractmethod
    def _write_rest(self, rng: Generator, arrivals: Arrivals, tape: Any, row: int) -> None:
        """What only this admission's tape holds of the requests of a row."""


def _floats(*values: float) -> Any:
    """The values as floats: an int would have the kernel compiled once more."""
    return tuple(float(value) for value in values)
