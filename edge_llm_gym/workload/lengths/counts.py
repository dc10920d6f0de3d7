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
def _clipped(
    prompt: NDArray[np.int64], output: NDArray[np.int64], max_prompt: int, max_output: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], int, int]:
    """Both counts clipped, and how many of each were above the limits."""
    own_prompt, own_output, prompts, outputs = np.empty_like(prompt), np.empty_like(output), 0, 0
    for index in range(prompt.size):
        own_prompt[index], own_output[index] = min(prompt[index], max_prompt), min(output[index], max_output)
        prompts += prompt[index] > max_prompt
        outputs += output[index] > max_output
    return own_prompt, own_output, prompts, outputs


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
        prompt, output, *above = _clipped(*tokens, self.max_prompt_tokens, self.max_output_tokens)
        return TokenCounts(prompt, output), Clipped(*above)
