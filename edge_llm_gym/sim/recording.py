"""Writers of the parts that the tapes of all admissions share: the radio channels and what every request carries."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from edge_llm_gym.models import channel
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.sections import PayloadSection
from edge_llm_gym.sim.state import DOWNLINK, UPLINK, Array, Tape
from edge_llm_gym.sim.stream.state import StreamTape
from edge_llm_gym.workload.config import build_workload
from edge_llm_gym.workload.workload import Arrivals

Generator = np.random.Generator


class RadioWriter:
    """Draws the positions of the devices and their channels to the nodes `stations` (indices) over the epochs."""

    def __init__(self, scenario: Scenario, stations: Array) -> None:
        nodes = [scenario.nodes[index] for index in stations]
        self._scenario = scenario
        self._station_m = np.array([node.position_m for node in nodes])
        self._band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in nodes])
        self._power_dbm = np.array([node.transmit_power_dbm for node in nodes])
        self._correlation = scenario.fading_correlation

    def write(self, rng: Generator, tape: Tape | StreamTape, row: int) -> None:
        """Writes one episode into a row of the tape."""
        scenario, settings = self._scenario, self._scenario.channel
        devices, stations = scenario.devices.count, len(self._station_m)
        tape.device_m[row] = rng.random((devices, 2)) * scenario.devices.area_m
        shadowing_db = settings.shadowing_db * rng.standard_normal((devices, stations))
        innovations = rng.standard_normal((scenario.horizon_epochs + 1, devices, stations, 2), dtype=np.float32)
        offset_m = tape.device_m[row][:, None, :] - self._station_m
        distance_m = np.hypot(offset_m[..., 0], offset_m[..., 1])
        loss_db = channel.path_loss_db(settings.path_loss, distance_m, settings.carrier_hz)
        efficiency = tape.spectral_efficiency[row]
        channel.spectral_efficiency_path(
            innovations,
            self._correlation,
            *self._mean_snr(loss_db, shadowing_db),
            settings.spectral_efficiency_cap,
            efficiency,
        )
        np.maximum(efficiency, np.float32(settings.spectral_efficiency_floor), out=efficiency)

    def _mean_snr(self, loss_db: Array, shadowing_db: Array) -> tuple[Array, Array]:
        """Mean SNR [D, stations] up and down, each over the whole band."""
        settings = self._scenario.channel
        device_dbm = self._scenario.devices.transmit_power_dbm
        up_nf, down_nf = settings.uplink_noise_figure_db, settings.downlink_noise_figure_db
        up = channel.mean_snr(device_dbm, loss_db, shadowing_db, self._band_hz[:, UPLINK], up_nf)
        down = channel.mean_snr(self._power_dbm, loss_db, shadowing_db, self._band_hz[:, DOWNLINK], down_nf)
        return up, down


class RequestWriter:
    """Draws what every request carries beside its arrival time and its token counts."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario

    def write(self, rng: Generator, arrivals: Arrivals, tape: Tape | StreamTape, row: int) -> None:
        """Writes the requests of one episode into a row of the tape, whose capacity must suffice."""
        wants, size = self._scenario.requests, arrivals.arrival_s.size
        tape.length[row] = size
        tape.clipped[row] = arrivals.clipped_prompts, arrivals.clipped_outputs
        budget_s = rng.uniform(*wants.budget_s, size) + wants.budget_per_output_token_s * arrivals.output_tokens
        tape.device[row, :size] = rng.integers(self._scenario.devices.count, size=size)
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


class Recorder(ABC):
    """Draws episodes of one scenario. Building it reads the trace file, if the scenario names one.

    `stations` [k] are the nodes that devices reach by radio; an episode's arrivals span `epochs` epochs.
    """

    def __init__(self, scenario: Scenario, stations: Array, epochs: int) -> None:
        self.scenario = scenario
        self.workload = build_workload(scenario.arrivals, scenario.lengths)
        self.duration_s = epochs * scenario.epoch_s
        self._radio = RadioWriter(scenario, stations)
        self._requests = RequestWriter(scenario)

    def expected_requests(self) -> int:
        """A capacity that an episode seldom exceeds."""
        mean = self.workload.rate_per_s * self.duration_s
        return int(mean + 6.0 * np.sqrt(mean) + 16)

    def draw_arrivals(self, rng: Generator) -> Arrivals:
        """The requests of one episode, not yet on any tape: their number decides whether the tape is long enough."""
        return self.workload.draw(rng, self.duration_s)

    def write(self, rng: Generator, arrivals: Arrivals, tape: Any, row: int) -> None:
        """Writes one episode into a row of the admission's own tape, whose capacity must suffice."""
        self._radio.write(rng, tape, row)
        self._requests.write(rng, arrivals, tape, row)
        self._write_rest(rng, tape, row, arrivals.arrival_s.size)

    @abstractmethod
    def _write_rest(self, rng: Generator, tape: Any, row: int, size: int) -> None:
        """What only this admission's tape holds, for the first `size` requests of a row."""


def _payload_bits(rng: Generator, payload: PayloadSection, size: int) -> Array:
    """Extra bits of `size` requests; draws the same numbers whatever the probability."""
    carries = rng.random(size) < payload.probability
    return np.where(carries, np.rint(rng.uniform(*payload.bits, size)), 0.0)
