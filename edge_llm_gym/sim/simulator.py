"""The simulator: tape, state and constants of R rows, and the operations on them, for all dynamics."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.dynamics import DYNAMICS
from edge_llm_gym.sim.entries import Episode
from edge_llm_gym.sim.episode_parameters import PARAMETERS
from edge_llm_gym.sim.records import leaves
from edge_llm_gym.sim.row_workers import Piece, RowWorkers
from edge_llm_gym.sim.tape import TapeGenerator

PARAMETERS_KEY: Final = "episode_parameters"
"""Key of the parameters of an episode in the tape of a snapshot."""
MEAN_SNR_KEY: Final = "mean_snr"
"""Key of the mean SNR of the links in the tape of a snapshot."""


ROWS_AT_ONCE: Final = 16
"""Rows whose episodes are drawn and then written together: few enough for their requests to stay in the cache."""
_RowAndGenerator = tuple[int, np.random.Generator]


class _DrawnRow(NamedTuple):
    """The next episode of a row, before it is written."""

    row: int
    rng: np.random.Generator
    episode: Episode


@dataclass(frozen=True)
class Snapshot:
    """One row at one moment: everything that its future depends on, as copies by dotted field name."""

    scenario: Scenario
    tape: dict[str, Array]
    state: dict[str, Array]


class Simulator:
    """R independent copies of one scenario, each with a tape of its own.

    Attributes `tape`, `state` and `parameters` are records of the scenario's dynamics, described in
    `sim.pooled.records` and `sim.streaming.records`, `episode_parameters` [R, P] float64 are the parameters of the
    episodes (`sim.episode_parameters`), and `mean_snr` [R, D, K1, 2] float64 is the mean SNR of the links before
    fading, up and down; treat them as read-only. Rows are reset, stepped and observed in `threads` threads, with the
    same results for any number of them. Raises ValueError for less than one row or thread.
    """

    tape: Any
    state: Any

    def __init__(self, scenario: Scenario, rows: int = 1, threads: int = 1) -> None:
        if rows < 1:
            raise ValueError(f"a simulator needs at least one row, got {rows}")
        self.scenario = scenario
        self.rows = rows
        self.workers = RowWorkers(rows, threads)
        self._dynamics = DYNAMICS[scenario.variant](scenario)
        self.tape_generator = self._dynamics.tape_generator
        self.parameters = self._dynamics.parameters
        self._row_generators: dict[int, TapeGenerator] = {}
        self.episode_parameters = np.zeros((rows, len(PARAMETERS)))
        self._allocate(self.tape_generator.expected_requests())
        links = self.tape.channels.spectral_efficiency.shape[2:]
        self.mean_snr = np.full((rows, *links), np.nan)

    @property
    def nodes(self) -> int:
        """Number of nodes K."""
        return len(self.scenario.nodes)

    @property
    def capacity(self) -> int:
        """Requests that a tape can hold now; grows when an episode needs more."""
        return int(self.tape.requests.arrival_s.shape[1])

    def _allocate(self, capacity: int) -> None:
        self.tape, self.state = self._dynamics.allocate(self.rows, capacity)

    def reserve(self, capacity: int) -> None:
        """Has tapes hold at least `capacity` requests; what they hold stays."""
        if capacity > self.capacity:
            self._reallocate(max(capacity, self.capacity * 5 // 4))

    def _reallocate(self, capacity: int) -> None:
        """Allocates records of a capacity that is not smaller, and copies into them what the present ones hold."""
        tape, state = self.tape, self.state
        self._allocate(capacity)
        for old, new in ((tape, self.tape), (state, self.state)):
            for (_, source), (_, target) in zip(leaves(old), leaves(new), strict=True):
                target[tuple(slice(size) for size in source.shape)] = source

    def __setstate__(self, attributes: dict[str, Any]) -> None:
        """Lays unpickled records out as allocated ones: kernels are compiled for that memory layout."""
        self.__dict__.update(attributes)
        self._reallocate(self.capacity)

    def draw_from(self, scenario: Scenario, rows: Iterable[int]) -> None:
        """Has the next tapes of some rows drawn from a scenario that differs from this one only in what tapes hold."""
        generator = None if scenario == self.scenario else self._dynamics.generator_of(scenario)
        for row in rows:
            self._row_generators.pop(row, None)
            if generator is not None:
                self._row_generators[row] = generator

    def reset(self, row: int, rng: np.random.Generator) -> None:
        """Draws a new tape for a row and sets it to its first decision time."""
        generator = self._generator_of(row)
        episode = generator.draw(rng)
        self.reserve(episode.requests)
        self._begin(0, generator, (row,), (rng,), (episode,))

    def reset_rows(self, rows: Sequence[int], generators: Sequence[np.random.Generator]) -> None:
        """Resets several rows, each with its generator, split over the threads.

        Rows that share a generator are reset in this thread, in order. The first error is raised after the other
        threads have ended; the tape of its row is undefined then.
        """
        pairs = list(zip(rows, generators, strict=True))
        if len({id(rng.bit_generator) for rng in generators}) == len(pairs):
            self._reset_apart(pairs)
        else:
            for pair in pairs:
                self.reset(*pair)

    def _reset_apart(self, pairs: Sequence[_RowAndGenerator]) -> None:
        """Resets rows with generators of their own. Threads write into records that none of them replaces: episodes
        that do not fit are written after all have ended.
        """
        too_long: list[_DrawnRow] = []
        self.workers.share(pairs, lambda worker, part: too_long.extend(self._reset_part(worker, part)))
        if too_long:
            self.reserve(max(drawn.episode.requests for drawn in too_long))
            self._begin_all(0, too_long)

    def _reset_part(self, worker: int, pairs: Sequence[_RowAndGenerator]) -> list[_DrawnRow]:
        """Resets the rows whose episodes fit; returns the others."""
        capacity, too_long = self.capacity, list[_DrawnRow]()
        for first in range(0, len(pairs), ROWS_AT_ONCE):
            part = pairs[first : first + ROWS_AT_ONCE]
            with self.workers.turn:
                drawn = [_DrawnRow(row, rng, self._generator_of(row).draw(rng)) for row, rng in part]
            self._begin_all(worker, [each for each in drawn if each.episode.requests <= capacity])
            too_long += [each for each in drawn if each.episode.requests > capacity]
        return too_long

    def _begin_all(self, worker: int, drawn: Sequence[_DrawnRow]) -> None:
        """Begins the episodes, those of one generator of tapes together."""
        for generator, group in groupby(drawn, lambda each: self._generator_of(each.row)):
            self._begin(worker, generator, *zip(*group, strict=True))

    def _begin(
        self,
        worker: int,
        generator: TapeGenerator,
        rows: Sequence[int],
        rngs: Sequence[np.random.Generator],
        episodes: Sequence[Episode],
    ) -> None:
        """Writes episodes that fit, and sets their rows to the first decision time."""
        self.mean_snr[list(rows)] = generator.write(rngs, episodes, self.tape, rows)
        self.episode_parameters[list(rows)] = [episode.parameters for episode in episodes]
        self._dynamics.begin(self.tape, self.state, rows, worker)

    def _generator_of(self, row: int) -> TapeGenerator:
        return self._row_generators.get(row, self.tape_generator)

    def step(self, *action: Array, then: Callable[[Piece], None] | None = None) -> Any:
        """One epoch of every row, with arrays that were checked before; returns the result record of the dynamics.

        `batching` takes batch [R, N] int64 in 0..K and bandwidth [R, N, 2] float64 >= 0; `batching_routing` takes
        offload [R, K, K] and threshold [R, K], both float32 in [0, 1], besides; `streaming` takes offload [R, D + K, K]
        and threshold [R, K]. `then` is called for every piece of the rows after its step, in the same thread, as what
        writes an observation. Raises RuntimeError for a row past its horizon.
        """
        if self.ended().any():
            raise RuntimeError("an episode has ended in some row: reset that row before the next step")
        result = self.empty_result()

        def work(piece: Piece) -> None:
            self._dynamics.step(self.tape, self.state, action, result, piece)
            if then is not None:
                then(piece)

        self.workers.run(work)
        return result

    def held(self, worker: int = 0) -> Any:
        """The records as one argument for kernels, in the order of the dynamics' `held`."""
        return self._dynamics.held(self.tape, self.state, worker)

    def empty_result(self) -> Any:
        """The result record of a step in which nothing happened: metrics are 0 and slots hold no request."""
        return self._dynamics.empty_result(self.rows)

    def ended(self) -> Array:
        """[R] bool, rows whose episode is over."""
        return np.asarray(self.state.epoch >= self.scenario.horizon_epochs)

    def admissible(self) -> Array:
        """[R, N, K1 + 1] bool: alone on a node with the whole band, would a slot's request be admitted? 0 always is
        True.

        Raises TypeError for streaming dynamics, whose actions are continuous.
        """
        return self._dynamics.admissible(self.tape, self.state)

    def snapshot(self, row: int = 0) -> Snapshot:
        """Copies of a row's tape and state."""
        tape = _copy_row(self.tape, row) | {
            PARAMETERS_KEY: self.episode_parameters[row].copy(),
            MEAN_SNR_KEY: self.mean_snr[row].copy(),
        }
        return Snapshot(scenario=self.scenario, tape=tape, state=_copy_row(self.state, row))

    def restore(self, snapshot: Snapshot, row: int = 0) -> None:
        """Writes a snapshot into a row. Raises ValueError for a snapshot of another scenario."""
        if snapshot.scenario != self.scenario:
            raise ValueError(
                f"a snapshot can only be restored into the scenario it was taken from; it holds "
                f"{snapshot.scenario.name!r} and this is {self.scenario.name!r}, or their settings differ"
            )
        capacity = snapshot.tape["requests.arrival_s"].shape[0]
        if capacity > self.capacity:
            self._reallocate(capacity)
        for record, saved in ((self.tape, snapshot.tape), (self.state, snapshot.state)):
            for name, target in leaves(record):
                target[(row, *(slice(size) for size in saved[name].shape))] = saved[name]
        self.episode_parameters[row] = snapshot.tape.get(PARAMETERS_KEY, 0.0)
        self.mean_snr[row] = snapshot.tape.get(MEAN_SNR_KEY, np.nan)

    def copy_rows(self, source: Array, target: Array) -> None:
        """Copies tape and state of the rows `source` [n] int into the rows `target` [n], in one go."""
        for record in (self.tape, self.state):
            for _, array in leaves(record):
                array[target] = array[source]
        self.episode_parameters[target] = self.episode_parameters[source]
        self.mean_snr[target] = self.mean_snr[source]

    def conserves(self) -> bool:
        """Whether every request that arrived is accounted for once: served, late, below_quality, expired or pending."""
        return bool(self._dynamics.conserves(self.tape, self.state).all())


def _copy_row(record: Any, row: int) -> dict[str, Array]:
    return {name: np.array(array[row]) for name, array in leaves(record)}
