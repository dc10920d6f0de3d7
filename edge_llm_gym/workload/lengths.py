"""Prompt and output token counts: how long requests are."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals import require_positive


class TokenCounts(NamedTuple):
    """Token counts of n requests, each at least 1."""

    prompt: NDArray[np.int64]
    """int64 [n]"""
    output: NDArray[np.int64]
    """int64 [n]"""


class LengthModel(Protocol):
    """A joint distribution of prompt and output token counts, independent from one request to the next."""

    def draw(self, rng: np.random.Generator, size: int) -> TokenCounts:
        """Token counts of `size` requests."""
        ...


@dataclass(frozen=True)
class Choice:
    """Prompt and output tokens each uniform over a few given values, as in {128, 256, 512}."""

    prompt_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, values in (("prompt_tokens", self.prompt_tokens), ("output_tokens", self.output_tokens)):
            if not values or min(values) < 1:
                raise ValueError(f"{name} must name one token count or more, each at least 1, got {values!r}")

    def __str__(self) -> str:
        return f"prompts of {_listed(self.prompt_tokens)} tokens, outputs of {_listed(self.output_tokens)}"

    @cached_property
    def _values(self) -> TokenCounts:
        return TokenCounts(np.array(self.prompt_tokens, np.int64), np.array(self.output_tokens, np.int64))

    def draw(self, rng: np.random.Generator, size: int) -> TokenCounts:
        """Token counts of `size` requests."""
        prompt, output = (values[rng.integers(values.size, size=size)] for values in self._values)
        return TokenCounts(prompt, output)


@dataclass(frozen=True)
class LogNormal:
    """Independent log-normal prompt and output tokens, given by mean and coefficient of variation, rounded, at least 1.

    The floor of 1 lifts the mean where a mean near 1 meets a large coefficient of variation.
    """

    prompt_mean: float
    prompt_cv: float
    output_mean: float
    output_cv: float

    def __post_init__(self) -> None:
        require_positive(**vars(self))

    def __str__(self) -> str:
        prompt = f"prompts of {self.prompt_mean:.4g} tokens (CV {self.prompt_cv:.3g})"
        return f"log-normal {prompt}, outputs of {self.output_mean:.4g} (CV {self.output_cv:.3g})"

    def draw(self, rng: np.random.Generator, size: int) -> TokenCounts:
        """Token counts of `size` requests."""
        return TokenCounts(
            _log_normal(rng, self.prompt_mean, self.prompt_cv, size),
            _log_normal(rng, self.output_mean, self.output_cv, size),
        )


def _log_normal(rng: np.random.Generator, mean: float, cv: float, size: int) -> NDArray[np.int64]:
    log_variance = math.log1p(cv**2)
    values = rng.lognormal(math.log(mean) - log_variance / 2.0, math.sqrt(log_variance), size)
    return np.maximum(np.rint(values), 1.0).astype(np.int64)


_SCORE_LIMIT = 8
_SCORE_STEPS = 256
_SCORES = np.arange(-_SCORE_LIMIT * _SCORE_STEPS, _SCORE_LIMIT * _SCORE_STEPS + 1) / _SCORE_STEPS
_NORMAL_CDF = np.array([0.5 * math.erfc(-score / math.sqrt(2.0)) for score in _SCORES])


@njit(cache=True)
def _at_score(table: NDArray[np.float64], score: float) -> int:
    """A table over `_SCORES` at a normal score, linear between its entries, rounded; an even grid needs no search."""
    place = min(max((score + _SCORE_LIMIT) * _SCORE_STEPS, 0.0), table.size - 2.0)
    below = int(place)
    return round(table[below] + (place - below) * (table[below + 1] - table[below]))


@njit(cache=True)
def _draw_pairs(
    rng: np.random.Generator,
    size: int,
    correlation: float,
    prompt_table: NDArray[np.float64],
    output_table: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token counts at normal scores of the given correlation."""
    prompt, output = np.empty(size, np.int64), np.empty(size, np.int64)
    own = math.sqrt(1.0 - correlation**2)
    for index in range(size):
        score = rng.standard_normal()
        prompt[index] = _at_score(prompt_table, score)
        output[index] = _at_score(output_table, correlation * score + own * rng.standard_normal())
    return prompt, output


@dataclass(frozen=True)
class QuantileTable:
    """Token counts from two tables of measured quantiles, joined by a Gaussian copula of a given rank correlation.

    `probabilities` run from 0 to 1, so the tables hold the smallest and largest count seen and nothing is extrapolated;
    between two quantiles the distribution is uniform. A normal correlation of 2 sin(pi r / 6) gives the uniforms the
    Spearman correlation r (Kruskal 1958).
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
        return TokenCounts(*_draw_pairs(rng, size, correlation, *self._by_score))


def _check_quantiles(name: str, values: tuple[float, ...], size: int) -> None:
    if len(values) != size:
        raise ValueError(f"{name} must hold one value for each of the {size} probabilities, got {len(values)}")
    if values[0] < 1 or np.diff(values).min() < 0:
        raise ValueError(f"{name} must start at 1 token or more and never fall, got {values!r}")


def _listed(values: tuple[int, ...]) -> str:
    return "/".join(str(value) for value in values)


class Clipped(NamedTuple):
    """How many requests were longer than the limits."""

    prompts: int
    outputs: int


@dataclass(frozen=True)
class LengthLimits:
    """The longest prompt and output that a scenario can serve; what is longer is cut to them, and counted."""

    max_prompt_tokens: int
    max_output_tokens: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")

    def __str__(self) -> str:
        return f"cut to {self.max_prompt_tokens} prompt and {self.max_output_tokens} output tokens"

    def clip(self, tokens: TokenCounts) -> tuple[TokenCounts, Clipped]:
        """The counts cut to the limits, and how many were cut."""
        over = Clipped(
            int(np.count_nonzero(tokens.prompt > self.max_prompt_tokens)),
            int(np.count_nonzero(tokens.output > self.max_output_tokens)),
        )
        cut = TokenCounts(
            np.minimum(tokens.prompt, self.max_prompt_tokens), np.minimum(tokens.output, self.max_output_tokens)
        )
        return cut, over
