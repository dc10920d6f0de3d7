"""Episodes that are written on a tape together: with few calls of kernels, for the requests of all of them."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled.streams import Streams, streams_of
from edge_llm_gym.sim.episode_parameters import EpisodeParameters
from edge_llm_gym.workload.workload import Arrivals


class Episode(NamedTuple):
    """What is drawn of an episode before it is written on a tape: its parameters and its requests."""

    parameters: EpisodeParameters
    arrivals: Arrivals

    @property
    def requests(self) -> int:
        """Number of requests."""
        return self.arrivals.arrival_s.size


class Entries(NamedTuple):
    """n episodes and the rows of the tape in which they are written, each with its generator.

    The m requests of all episodes follow one another: those of episode i are first[i] to first[i + 1] - 1.
    """

    rngs: Sequence[np.random.Generator]
    episodes: Sequence[Episode]
    streams: Streams  # of the generators
    rows: Array  # [n] int64
    first: Array  # [n + 1] int64
    arrival_s: Array  # [m] float64
    prompt_tokens: Array  # [m] int64
    output_tokens: Array  # [m] int64

    def each(self, values: Sequence[float] | Array) -> Array:
        """[m] the value of its episode for each request."""
        return np.repeat(np.asarray(values, np.float64), np.diff(self.first))


def entries_of(rngs: Sequence[np.random.Generator], episodes: Sequence[Episode], rows: Sequence[int]) -> Entries:
    """Entries of episodes that `rngs` have drawn. Raises ValueError for other numbers of them than of rows."""
    arrivals = [episode.arrivals for episode, _, _ in zip(episodes, rngs, rows, strict=True)]
    first = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([each.arrival_s.size for each in arrivals], out=first[1:])
    return Entries(
        rngs=rngs,
        episodes=episodes,
        streams=streams_of(rngs),
        rows=np.array(rows, np.int64),
        first=first,
        arrival_s=np.concatenate([each.arrival_s for each in arrivals]),
        prompt_tokens=np.concatenate([each.prompt_tokens for each in arrivals]),
        output_tokens=np.concatenate([each.output_tokens for each in arrivals]),
    )
