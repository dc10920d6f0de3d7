"""Token counts from tables of measured quantiles, joined by a Gaussian copula."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.streams import Stream, generator_of, normal_kernel, stream_of
from edge_llm_gym.workload.lengths.counts import TokenCounts

_SCORE_LIMIT = 8
_SCORE_STEPS = 256
_SCORES = np.arange(-_SCORE_LIMIT * _SCORE_STEPS, _SCORE_LIMIT * _SCORE_STEPS + 1) / _SCORE_STEPS
_NORMAL_CDF = np.array([0.5 * math.erfc(-score / math.sqrt(2.0)) for score in _SCORES])


@kernel
def _at_score(table: NDArray[np.float64], score: float) -> int:
    """A table over `_SCORES` at a normal score, by linear interpolation, rounded; the even grid needs no search."""
    position = min(max((score + _SCORE_LIMIT) * _SCORE_STEPS, 0.0), table.size - 2.0)
    below = int(position)
    return int(np.rint(table[below] + (position - below) * (table[below + 1] - table[below])))


@normal_kernel
def _draw_pairs(
    stream: Stream,
    size: int,
    correlation: float,
    prompt_table: NDArray[np.float64],
    output_table: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token counts at normal scores of the given correlation."""
    rng, prompt, output = generator_of(stream), np.empty(size, np.int64), np.empty(size, np.int64)
    own = math.sqrt(1.0 - correlation**2)
    for index in range(size):
        score = rng.standard_normal()
        prompt[index] = _at_score(prompt_table, score)
        output[index] = _at_score(output_table, correlation * score + own * rng.standard_normal())
    return prompt, output


@dataclass(frozen=True)
class QuantileTable:
    """Token counts from two tables of measured quantiles, joined by a Gaussian copula of a given rank correlation.

    `probabilities` run from 0 to 1, so that the tables include the smallest and largest measured count and nothing is
    extrapolated; between two quantiles the distribution is uniform. A normal correlation of 2 sin(pi r / 6) gives the
    uniforms the Spearman correlation r (Kruskal 1958).
    """

    probabilities: tuple[float, ...]
    prompt_quantiles: tuple[float, ...]
    output_quantiles: tuple[float, ...]
    rank_correlation: float = 0.0

    def __post_init__(self) -> None:
        steps = np.diff(self.probabilities)
        if not steps.size or self.probabilities[0] != 0 or self.probabilities[-1] != 1 or steps.min() <= 0:
            raise ValueError(f"probabilities must rise from 0 to 1, got {self.probabilities!r}")
        for name in ("prompt_quantiles", "output_quantiles"):
            _check_quantiles(name, getattr(self, name), len(self.probabilities))
        if not -1 <= self.rank_correlation <= 1:
            raise ValueError(f"rank_correlation must lie in [-1, 1], got {self.rank_correlation!r}")

    def __str__(self) -> str:
        prompt, output = (f"{q[0]:.0f}-{q[-1]:.0f}" for q in (self.prompt_quantiles, self.output_quantiles))
        return f"measured lengths: prompts of {prompt} tokens, outputs of {output}"

    @cached_property
    def _by_score(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        prompt, output = (
            np.interp(_NORMAL_CDF, self.probabilities, quantiles)
            for quantiles in (self.prompt_quantiles, self.output_quantiles)
        )
        return prompt, output

    def draw(self, rng: np.random.Generator, size: int) -> TokenCounts:
        """Token counts of `size` requests."""
        correlation = 2.0 * math.sin(math.pi * self.rank_correlation / 6.0)
        return TokenCounts(*_draw_pairs(stream_of(rng), size, correlation, *self._by_score))


def _check_quantiles(name: str, values: tuple[float, ...], size: int) -> None:
    if len(values) != size:
        raise ValueError(f"{name} must hold one value for each of the {size} probabilities, got {len(values)}")
    if values[0] < 1 or np.diff(values).min() < 0:
        raise ValueError(f"{name} must start at 1 token or more and not decrease, got {values!r}")
