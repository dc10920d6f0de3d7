"""Token counts of requests, the protocol of length models, and clipping to a scenario's limits."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_llm_gym.compiled.streams import stream_kernel


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


class Clipped(NamedTuple):
    """How many requests were longer than the limits."""

    prompts: int
    outputs: int


@stream_kernel
def _clipped(tokens: NDArray[np.int64], limit: int) -> tuple[NDArray[np.int64], int]:
    """The counts clipped to a limit, and how many were above it."""
    within, above = np.empty_like(tokens), 0
    for index in range(tokens.size):
        within[index] = min(tokens[index], limit)
        above += tokens[index] > limit
    return within, above


@dataclass(frozen=True)
class LengthLimits:
    """Limits of the prompt and output tokens of a scenario; longer ones are clipped and counted."""

    max_prompt_tokens: int
    max_output_tokens: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}; increase it")

    def __str__(self) -> str:
        return f"clipped to {self.max_prompt_tokens} prompt and {self.max_output_tokens} output tokens"

    def clip(self, tokens: TokenCounts) -> tuple[TokenCounts, Clipped]:
        """The counts clipped to the limits, and how many were clipped."""
        prompt, prompts = _clipped(tokens.prompt, self.max_prompt_tokens)
        output, outputs = _clipped(tokens.output, self.max_output_tokens)
        return TokenCounts(prompt, output), Clipped(prompts, outputs)
