"""Resampled futures: rows that share the past of one row and have later randomness of their own.

What has arrived or been observed by now stays: the queue (also requests without a slot), what the nodes compute, the
logs, the present channels. Later requests are a fresh draw of the tape generator whose times begin now; fading goes on
from the present channels. Large-scale channels (positions, shadowing) stay. Of requests that have arrived and are not
admitted yet, the confidences at exits and the route are drawn anew, since nothing has shown them; their true output
lengths stay, also where a scheduler knows predictions alone.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.models import channel
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sim.episode_parameters import EpisodeParameters
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS
from edge_llm_gym.sim.hidden_exits import HiddenExits, SeenExits
from edge_llm_gym.sim.outcomes import RUNNING, WAITING
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.simulator import Simulator


class Past(NamedTuple):
    """What of a row's tape belongs to the past, at its decision time."""

    now_s: float
    arrived: int
    """Requests on the tape that have arrived"""
    oldest: int
    """Requests before this one have no effect on anything that follows"""
    pending: Array
    """Requests that have arrived and are not admitted yet, int64 [n]"""


def _pooled_past(simulator: Simulator, row: int) -> Past:
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    arrived, log = int(state.queue.next_arrival[row]), state.admissions
    live = np.flatnonzero(np.isin(state.requests.outcome[row, :arrived], (WAITING, RUNNING)))
    observed = log.request[row, log.until[row, max(epoch - SEEN_EPOCHS, 0)] : log.until[row, epoch]]
    oldest = int(np.concatenate([live, observed, [arrived]]).min())
    pending = np.sort(state.queue.request[row, : state.queue.length[row]]).astype(np.int64)
    return Past((epoch + 1) * simulator.scenario.epoch_s, arrived, oldest, pending)


def _streaming_past(simulator: Simulator, row: int) -> Past:
    state, epoch = simulator.state, int(simulator.state.epoch[row])
    oldest = min(state.oldest_open[row], state.first_of_epoch[row, max(epoch - SEEN_EPOCHS, 0)])
    return Past(epoch * simulator.scenario.epoch_s, int(state.next_arrival[row]), int(oldest), np.zeros(0, np.int64))


PASTS: Final[Mapping[str, Callable[[Simulator, int], Past]]] = MappingProxyType(
    {
        "batching": _pooled_past,
        "continuous_batching": _pooled_past,
        "batching_routing": _pooled_past,
        "streaming": _streaming_past,
    }
)
"""Variant of the dynamics -> function of a simulator and a row."""
EPISODE_FIELDS: Final = ("requests.length", "requests.clipped")
"""Fields of tapes [R, ...] beside channels; the others hold requests [R, C, ...]."""
TIMES: Final = ("requests.arrival_s", "requests.deadline_s", "latest_start_s")
"""Fields of tapes that are times since the start of the episode."""
LOGS: Final = ("requests.", "sequences.", "predictions.expired_epoch")
"""Fields of states [R, C, ...] begin with these."""
LISTS: Final = ("queue.request", "admissions.request", "nodes.request", "nodes.joined")
"""Fields of states whose last axis lists requests; they are filled up to the number that has arrived."""
UNUSED: Final = ("queue.scratch", "servers.idle_s", "servers.idle_first")
"""Fields of states that are work space, or copied in a way of their own."""
EMPTY_LOG: Final[Mapping[str, int]] = MappingProxyType({"predictions.expired_epoch": -1})
"""Entries of a request that has not arrived; 0 in all other logs."""


class Futures:
    """`count` futures of one row, each in `copies` rows of a simulator of its own: row copy * count + future.

    Copies of a future differ in nothing until they are stepped with different actions. `epochs` epochs are drawn; rows
    must not be stepped further. `tapes` is the scenario that later requests are drawn from, by default `scenario`.
    Rates and drifts that episodes draw from a range are drawn anew.
    """

    def __init__(self, scenario: Scenario, count: int, copies: int, epochs: int, tapes: Scenario | None = None) -> None:
        self.simulator = Simulator(scenario, count * copies)
        self._count, self._copies = count, copies
        self._tapes = load_scenario(tapes or scenario, {"horizon_epochs": epochs})
        self._later = Simulator(self._tapes, count)  # its tapes hold what comes later; it is never stepped
        self._exits = None if scenario.exits is None else HiddenExits(self._tapes.exits)  # type: ignore[arg-type]

    def draw(self, source: Simulator, row: int, rng: np.random.Generator) -> None:
        """Sets all rows to the present of a row of another simulator, with futures drawn from `rng`.

        The numbers that `rng` draws must not be those that the row's own tape was drawn from. Raises ValueError for a
        row whose tape was restored from a snapshot without mean SNR.
        """
        if np.isnan(source.mean_snr[row]).any():
            raise ValueError(
                "futures need the mean SNR of the row's links, which its tape lacks; reset the environment"
            )
        past = PASTS[source.scenario.variant](source, row)
        self._draw_later(rng, past)
        self.simulator.reserve(past.arrived + int(self._later.tape.requests.length.max()))
        self._write_past(source, row, past)
        self._write_later(past)
        self._write_channels(rng, source, row)
        if self._exits is not None:
            self._write_exits(self._exits, rng, source, row, past)

    def _draw_later(self, rng: np.random.Generator, past: Past) -> None:
        arrivals = self._tapes.arrivals
        if arrivals.phase is not None:  # of a day cycle, at the time 0 of a tape
            phase = (arrivals.phase + past.now_s / float(arrivals.period_s)) % 1.0  # type: ignore[arg-type]
            self._later.draw_from(load_scenario(self._tapes, {"arrivals.phase": phase}), range(self._count))
        for future in range(self._count):
            self._later.reset(future, rng)

    def _write_past(self, source: Simulator, row: int, past: Past) -> None:
        window = slice(past.oldest, past.arrived)
        own, ahead = self.simulator, slice(past.arrived, past.arrived + self._most_later)
        for (name, target), (_, array) in zip(leaves(own.tape), leaves(source.tape), strict=True):
            if name in EPISODE_FIELDS or name == "channels.device_m":
                target[:] = array[row]
            elif not name.startswith("channels."):
                target[:, window] = array[row, window]
        for (name, target), (_, array) in zip(leaves(own.state), leaves(source.state), strict=True):
            if name.startswith(LOGS):
                target[:, window] = array[row, window]
                target[:, ahead] = EMPTY_LOG.get(name, 0)
            elif name in LISTS:
                target[..., : past.arrived] = array[row, ..., : past.arrived]
            elif name not in UNUSED:
                target[:] = array[row]
        if source.scenario.variant == "streaming":
            _copy_servers(source, row, own)
        own.episode_parameters[:], own.mean_snr[:] = source.episode_parameters[row], source.mean_snr[row]

    @property
    def _most_later(self) -> int:
        return int(self._later.tape.requests.length.max())

    def _write_later(self, past: Past) -> None:
        later = slice(past.arrived, past.arrived + self._most_later)
        for (name, target), (_, fresh) in zip(leaves(self.simulator.tape), leaves(self._later.tape), strict=True):
            if name in EPISODE_FIELDS or name.startswith("channels."):
                continue
            self._by_future(target)[:, :, later] = fresh[:, : self._most_later]
            if name in TIMES:
                target[:, later] += past.now_s
        self._by_future(self.simulator.tape.requests.length)[:] = past.arrived + self._later.tape.requests.length

    def _write_channels(self, rng: np.random.Generator, source: Simulator, row: int) -> None:
        settings, epoch = source.scenario.channel, int(source.state.epoch[row])
        present = source.tape.channels.spectral_efficiency[row, epoch]
        efficiency, mean_snr = self.simulator.tape.channels.spectral_efficiency, source.mean_snr[row]
        bounds = settings.spectral_efficiency_floor, settings.spectral_efficiency_cap
        power = channel.power_given_efficiency(rng, present, mean_snr, *bounds, self._count)
        epochs = min(self._tapes.horizon_epochs, source.scenario.horizon_epochs - epoch)
        path = channel.continued_power(rng, source.scenario.fading_correlation, power, epochs)
        after = np.empty((self._count * epochs, *present.shape), np.float32)
        channel.spectral_efficiency_path(path.reshape(-1, *power.shape[1:]), mean_snr, *bounds, after)
        efficiency[:, epoch] = present
        self._by_future(efficiency)[:, :, epoch + 1 : epoch + 1 + epochs] = after.reshape(
            self._count, epochs, *present.shape
        )

    def _write_exits(
        self, exits: HiddenExits, rng: np.random.Generator, source: Simulator, row: int, past: Past
    ) -> None:
        tape, seen = self.simulator.tape, _seen_exits(source, row, past)
        confidence, correct, route = (
            self._by_future(array) for array in (tape.exits.confidence, tape.exits.correct, tape.exits.route)
        )
        for future in range(self._count):
            drift = EpisodeParameters(*self._later.episode_parameters[future]).drift(exits.drift)
            hidden = np.append(past.pending, np.arange(past.arrived, tape.requests.length[future]))
            drawn = exits.draw(rng, drift, seen, tape.requests.arrival_s[future, hidden])
            confidence[:, future, hidden], correct[:, future, hidden] = drawn
            route[:, future, past.pending] = rng.random((past.pending.size, route.shape[-1]))

    def _by_future(self, array: Array) -> Array:
        """A view [copies, futures, ...] of an array [R, ...]."""
        return array.reshape(self._copies, self._count, *array.shape[1:])  # to split an axis copies nothing


def _seen_exits(source: Simulator, row: int, past: Past) -> SeenExits:
    """The requests whose first stage has been computed by now, and so the first exit."""
    log, requests = source.state.requests, source.tape.requests
    finished = log.finish_s[row, : past.arrived, 0] <= past.now_s
    done = np.flatnonzero(finished & (log.node[row, : past.arrived, 0] > 0))
    return SeenExits(requests.arrival_s[row, done], source.tape.exits.confidence[row, done, 0])


def _copy_servers(source: Simulator, row: int, target: Simulator) -> None:
    """Copies the idle intervals, which stand at the end of the array, whatever the capacity."""
    given, own = source.state.servers, target.state.servers
    kept = given.idle_s.shape[1] - int(given.idle_first[row].min())
    own.idle_s[:, own.idle_s.shape[1] - kept :] = given.idle_s[row, -kept:]
    own.idle_first[:] = given.idle_first[row] + own.idle_s.shape[1] - given.idle_s.shape[1]
