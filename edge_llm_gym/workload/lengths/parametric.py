"""Length models with few parameters: a uniform choice among values, and log-normal lengths."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.workload.arrivals import require_positive
from edge_llm_gym.workload.lengths.counts import TokenCounts


@dataclass(frozen=True)
class Choice:
    """Prompt and output tokens, each uniform over given values such as {128, 256, 512}."""

    prompt_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, values in (("prompt_tokens", self.prompt_tokens), ("output_tokens", self.output_tokens)):
            if not values or min(values) < 1:
                raise ValueError(f"{name} must hold at least one token count, each at least 1, got {values!r}")

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

    The minimum of 1 increases the mean if it is near 1 and the coefficient of variation is large.
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


def _listed(values: tuple[int, ...]) -> str:
    return "/".join(str(value) for value in values)
