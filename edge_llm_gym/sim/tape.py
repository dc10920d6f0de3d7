"""Generation of tapes: the parts that all dynamics share, radio channels and what every request carries.

A tape is the pre-drawn exogenous randomness of an episode. Policies that are compared on equal seeds see the same tape
(common random numbers).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.streams import Streams, generator_of, stream_kernel
from edge_llm_gym.messages import quoted
from edge_llm_gym.models import channel
from edge_llm_gym.models.channel.shadowing import draw_losses
from edge_llm_gym.scenario import Scenario, ScenarioError
from edge_llm_gym.scenario.size_rules import require_memory
from edge_llm_gym.sim.columns import DOWNLINK, UPLINK
from edge_llm_gym.sim.entries import Entries, Episode, entries_of
from edge_llm_gym.sim.episode_parameters import ParameterSampler
from edge_llm_gym.sim.exit_rows import ProfileRows, sine_shift
from edge_llm_gym.sim.records import ChannelTape, ExitTape, RequestTape
from edge_llm_gym.sim.request_costs import forward_bits_per_token, padded_prompt
from edge_llm_gym.workload.factory import build_workload
from edge_llm_gym.workload.lengths import LengthPredictor

Generator = np.random.Generator
PILOT_DRAWS = 64
"""Draws that estimate how many requests an episode may have; real traffic varies far more than Poisson counts."""
FEWEST_PILOT_DRAWS = 16
PILOT_REQUESTS = 1_000_000
"""Requests after which the estimate ends once it has the fewest draws: at high rates all draws take many seconds."""


class _Links(NamedTuple):
    """Where nodes and devices are, and what shadows the links between them, as the kernel takes it."""

    width_m: float
    height_m: float
    node_m: Array  # [K1, 2] float64
    shadowing_correlation: float
    site: Array  # [K1] int64, nodes of equal positions share one


class ChannelGenerator:
    """Draws the positions of the devices and their channels to the entry nodes over the epochs."""

    def __init__(self, scenario: Scenario) -> None:
        nodes, settings = [scenario.nodes[index] for index in scenario.network.entry_nodes], scenario.channel
        node_m = np.array([node.position_m for node in nodes], np.float64)
        self._scenario = scenario
        width_m, height_m = _floats(*scenario.devices.area_m)
        self._links = _Links(
            width_m=width_m,
            height_m=height_m,
            node_m=node_m,
            shadowing_correlation=float(settings.shadowing_correlation),
            site=np.unique(node_m, axis=0, return_inverse=True)[1].ravel(),
        )
        device_dbm = scenario.devices.transmit_power_dbm
        self._power_dbm = np.array([(device_dbm, node.transmit_power_dbm) for node in nodes])
        band_hz = np.array([(node.uplink_hz, node.downlink_hz) for node in nodes])
        noise_figure_db = np.array([settings.uplink_noise_figure_db, settings.downlink_noise_figure_db])
        self._noise_w = channel.noise_power_w(band_hz, noise_figure_db)
        self._correlation = float(scenario.fading_correlation)

    def write(self, entries: Entries, tape: ChannelTape) -> Array:
        """Writes the channels of episodes; returns the mean SNR [n, D, K1, 2] before fading, up and down, over the
        whole band.
        """
        settings, rows, rngs = self._scenario.channel, entries.rows.tolist(), entries.rngs
        bounds = settings.spectral_efficiency_floor, settings.spectral_efficiency_cap
        mean_snr = self._mean_snr(entries, tape.device_m)
        for first, last in _runs(rows):
            out = tape.spectral_efficiency[rows[first] : rows[last - 1] + 1]
            channel.faded_efficiency_paths(rngs[first:last], self._correlation, mean_snr[first:last], bounds, out)
        return mean_snr

    def _mean_snr(self, entries: Entries, device_m: Array) -> Array:
        """Draws positions and shadowing of all rows, whose losses are then computed with few operations."""
        settings, shape = self._scenario.channel, (entries.rows.size, device_m.shape[1], len(self._links.site))
        distance_m, shadowing_db = np.empty(shape), np.empty(shape)
        deviations_db = np.array([episode.parameters.shadowing_db for episode in entries.episodes], np.float64)
        _draw_links(entries.streams, self._links, deviations_db, device_m, entries.rows, distance_m, shadowing_db)
        loss_db = channel.path_loss_db(settings.path_loss, distance_m, settings.carrier_hz) + shadowing_db
        return channel.received_power_w(self._power_dbm, loss_db[..., None]) / self._noise_w


def _runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """First and last place, the latter excluded, of the longest parts of the rows that follow one another."""
    edges = [place for place in range(1, len(rows)) if rows[place] != rows[place - 1] + 1]
    return list(pairwise([0, *edges, len(rows)]))


@stream_kernel
def _draw_links(
    streams: Streams,
    links: _Links,
    deviation_db: Array,
    device_m: Array,
    rows: Array,
    distance_m: Array,
    shadowing_db: Array,
) -> None:
    """Draws positions [R, D, 2] of the devices of some rows [n], and their shadowing [n, D, K1].

    Writes the distances [n, D, K1] from the nodes.
    """
    node_m = links.node_m
    for index in range(rows.size):
        rng, place_m, far_m = generator_of(streams[index]), device_m[rows[index]], distance_m[index]
        for device in range(len(place_m)):
            place_m[device, 0] = rng.random() * links.width_m
            place_m[device, 1] = rng.random() * links.height_m
            for node in range(len(node_m)):
                x_m, y_m = place_m[device, 0] - node_m[node, 0], place_m[device, 1] - node_m[node, 1]
                far_m[device, node] = np.hypot(x_m, y_m)
        draw_losses(rng, deviation_db[index], links.shadowing_correlation, links.site, shadowing_db[index])


class _Ranges(NamedTuple):
    """Ranges of uniform numbers that requests draw, as the kernel takes them."""

    budget_s: tuple[float, float]
    budget_per_output_token_s: float
    quality_demand: tuple[float, float]
    value: tuple[float, float]
    bits_per_token: float
    uplink_payload: tuple[float, float, float]  # probability, range of the bits
    downlink_payload: tuple[float, float, float]


@kernel
def _uniform(rng: Any, low: float, high: float) -> float:
    return low + (high - low) * rng.random()


@kernel
def _payload_bits(rng: Any, payload: tuple[float, float, float]) -> float:
    """Extra bits of a request; draws the same numbers whatever the probability."""
    probability, low, high = payload
    chance, bits = rng.random(), np.rint(_uniform(rng, low, high))
    return bits if chance < probability else 0.0


@stream_kernel
def _write_requests(
    streams: Streams,
    ranges: _Ranges,
    devices: int,
    first: Array,
    arrival_s: Array,
    prompt_tokens: Array,
    output_tokens: Array,
    predicted_tokens: Array,
    tape: RequestTape,
    rows: Array,
) -> None:
    """Writes rows [n] of the tape: the requests first[i] to first[i + 1] - 1 of [m] into rows[i].

    What a request asks for (budget, downlink share) follows from its predicted length.
    """
    for index in range(rows.size):
        rng, row, begin = generator_of(streams[index]), rows[index], first[index]
        arrival, deadline, device, bits = tape.arrival_s[row], tape.deadline_s[row], tape.device[row], tape.bits[row]
        prompt, output, predicted = tape.prompt_tokens[row], tape.output_tokens[row], tape.predicted_tokens[row]
        demand, value = tape.quality_demand[row], tape.value[row]
        for request in range(first[index + 1] - begin):
            drawn = begin + request
            tokens_in, tokens_out = prompt_tokens[drawn], predicted_tokens[drawn]
            budget_s = _uniform(rng, *ranges.budget_s) + ranges.budget_per_output_token_s * tokens_out
            arrival[request] = arrival_s[drawn]
            deadline[request] = arrival_s[drawn] + budget_s
            prompt[request], output[request], predicted[request] = tokens_in, output_tokens[drawn], tokens_out
            device[request] = int(devices * rng.random())
            demand[request] = _uniform(rng, *ranges.quality_demand)
            value[request] = _uniform(rng, *ranges.value)
            bits[request, UPLINK] = ranges.bits_per_token * tokens_in + _payload_bits(rng, ranges.uplink_payload)
            payload_bits = _payload_bits(rng, ranges.downlink_payload)
            bits[request, DOWNLINK] = ranges.bits_per_token * tokens_out + payload_bits
            tape.answer_bits[row, request] = ranges.bits_per_token * output_tokens[drawn] + payload_bits


def length_predictor(scenario: Scenario) -> LengthPredictor:
    """The predictor of output lengths of a scenario."""
    return LengthPredictor(float(scenario.lengths.prediction.sigma), scenario.lengths.max_output_tokens)


class RequestGenerator:
    """Draws what every request carries beside its arrival time and its token counts; predicts the latter."""

    def __init__(self, scenario: Scenario) -> None:
        settings = scenario.requests
        self._devices = scenario.devices.count
        self._predictor = length_predictor(scenario)
        self._ranges = _Ranges(
            budget_s=_floats(*settings.budget_s),
            budget_per_output_token_s=float(settings.budget_per_output_token_s),
            quality_demand=_floats(*settings.accuracy),
            value=_floats(*settings.value),
            bits_per_token=float(settings.bits_per_token),
            uplink_payload=_floats(settings.uplink_payload.probability, *settings.uplink_payload.bits),
            downlink_payload=_floats(settings.downlink_payload.probability, *settings.downlink_payload.bits),
        )

    def write(self, entries: Entries, tape: RequestTape) -> Array:
        """Writes requests into rows of the tape, whose capacity must suffice; returns predicted output tokens [m]."""
        rows, arrivals = entries.rows, [episode.arrivals for episode in entries.episodes]
        tape.length[rows] = np.diff(entries.first)
        tape.clipped[rows] = [(each.clipped_prompts, each.clipped_outputs) for each in arrivals]
        predicted, drawn = self._predicted(entries), (entries.arrival_s, entries.prompt_tokens, entries.output_tokens)
        _write_requests(
            entries.streams, self._ranges, self._devices, entries.first, *drawn, predicted, tape, entries.rows
        )
        return predicted

    def _predicted(self, entries: Entries) -> Array:
        """Predicted output tokens [m].

        Their errors come from a stream of their own, far ahead of the state of `rng`, which stays as it is: everything
        else on the tape is the same for every accuracy of the predictions. Of NumPy's bit generators, all but SFC64 can
        jump ahead.
        """
        if not self._predictor.sigma:
            return entries.output_tokens
        score = np.empty(entries.output_tokens.size)
        for rng, (begin, end) in zip(entries.rngs, pairwise(entries.first), strict=True):
            ahead = rng.bit_generator.jumped()  # type: ignore[attr-defined]
            np.random.Generator(ahead).standard_normal(out=score[begin:end])
        return self._predictor.at_scores(score, entries.output_tokens)


class _Wires(NamedTuple):
    """What a prefill forwards by wire, as the kernel takes it."""

    bits_per_token: float
    padded_prompt: int  # tokens that are computed of every prompt, 0 for those of the prompt


class ExitGenerator:
    """Draws what requests carry through early exits and stages. Raises ValueError without `exits` in the scenario."""

    def __init__(self, scenario: Scenario) -> None:
        if scenario.exits is None:
            raise ValueError(f"scenario {scenario.name!r} has no exits, whose profile is to be sampled")
        self._wires = _Wires(float(forward_bits_per_token(scenario)), padded_prompt(scenario))
        self._rows = ProfileRows(scenario.exits)
        self._drift = scenario.exits.drift
        self.profile = self._rows.profile

    def write(self, entries: Entries, tape: ExitTape) -> None:
        """Writes the requests into rows of the tape, without predictions."""
        first, rows, tokens = entries.first, entries.rows, (entries.prompt_tokens, entries.output_tokens)
        uniform, phase = np.empty(entries.arrival_s.size), np.empty(rows.size)
        _draw_exits(entries.streams, self._wires, first, *tokens, tape, rows, uniform, phase)
        self._rows.write_rows(first, uniform, self._shift(entries, phase), tape.confidence, tape.correct, rows)

    def _shift(self, entries: Entries, phase: Array) -> Array:
        """Shift of the difficulty mix [m] at the arrivals, with a random phase [n] of the drift of each episode."""
        if self._drift is None:
            return np.zeros(entries.arrival_s.size)
        begun = entries.each(phase) if self._drift.phase is None else self._drift.phase
        parameters = [episode.parameters for episode in entries.episodes]
        depth, period_s = [each.drift_depth for each in parameters], [each.drift_period_s for each in parameters]
        return sine_shift(entries.each(depth), entries.each(period_s), begun, entries.arrival_s)


@stream_kernel
def _draw_exits(
    streams: Streams,
    wires: _Wires,
    first: Array,
    prompt_tokens: Array,
    output_tokens: Array,
    tape: ExitTape,
    rows: Array,
    uniform: Array,
    phase: Array,
) -> None:
    """Draws routes, uniform numbers [m], by which the profile is sampled, and phases [n] of the drift, for rows [n]."""
    for index in range(rows.size):
        rng, row, begin, end = generator_of(streams[index]), rows[index], first[index], first[index + 1]
        for request in range(end - begin):
            for stage in range(tape.route.shape[2]):
                tape.route[row, request, stage] = rng.random()
        phase[index] = rng.random()
        for drawn in range(begin, end):
            prompt, request = wires.padded_prompt or prompt_tokens[drawn], drawn - begin
            uniform[drawn] = rng.random()
            tape.forward_bits[row, request] = prompt * wires.bits_per_token
            tape.round_trips[row, request] = max(output_tokens[drawn] - 1, 0)


class TapeGenerator(ABC):
    """Draws episodes of one scenario. Building it reads the trace file, if the scenario names one.

    An episode's arrivals span `epochs` epochs.
    """

    def __init__(self, scenario: Scenario, epochs: int) -> None:
        self.scenario = scenario
        self.workload = build_workload(scenario.arrivals, scenario.lengths)
        self._sampler = ParameterSampler(scenario, self.workload.rate_per_s)
        _require_memory(scenario, scenario.arrivals.highest_rate_per_s or self.workload.rate_per_s)
        self.duration_s = epochs * scenario.epoch_s
        self._channels = ChannelGenerator(scenario)
        self._requests = RequestGenerator(scenario)

    def expected_requests(self) -> int:
        """A capacity that an episode rarely exceeds: six standard deviations above the mean of a few draws."""
        rng, counts = np.random.default_rng(0), list[int]()
        while len(counts) < FEWEST_PILOT_DRAWS or (len(counts) < PILOT_DRAWS and sum(counts) < PILOT_REQUESTS):
            counts.append(self.draw(rng).requests)
        return int(np.mean(counts) + 6.0 * np.std(counts)) + 16

    def draw(self, rng: Generator) -> Episode:
        """One episode, not yet on any tape: its number of requests decides whether the tape is long enough."""
        parameters = self._sampler.draw(rng)
        workload = self.workload.at_rate(parameters.rate_per_s) if self._sampler.has_own_rate else self.workload
        return Episode(parameters, workload.draw(rng, self.duration_s))

    def write(self, rngs: Sequence[Generator], episodes: Sequence[Episode], tape: Any, rows: Sequence[int]) -> Array:
        """Writes episodes into rows of the dynamics' own tape, whose capacity must suffice; `rngs` have drawn them.

        Returns the mean SNR [n, D, K1, 2] of their links before fading, up and down.
        """
        entries = entries_of(rngs, episodes, rows)
        mean_snr = self._channels.write(entries, tape.channels)
        predicted = self._requests.write(entries, tape.requests)
        self._write_rest(entries, predicted, tape)
        return mean_snr

    @abstractmethod
    def _write_rest(self, entries: Entries, predicted: Array, tape: Any) -> None:
        """Writes what only the tape of these dynamics holds of requests with predicted output tokens [m] int64."""


def _require_memory(scenario: Scenario, rate_per_s: float) -> None:
    """Raises ScenarioError if an episode does not fit in the memory at the rate of its trace."""
    try:
        require_memory(scenario, rate_per_s)
    except ValueError as error:
        raise ScenarioError(f"scenario {quoted(scenario.name)}: {error}") from None


def _floats(*values: float) -> Any:
    """The values as floats: an int would have the kernel compiled once more."""
    return tuple(float(value) for value in values)
