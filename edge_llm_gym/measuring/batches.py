"""Whole static batches with the lengths of a published workload."""

from typing import NamedTuple

import numpy as np

from edge_llm_gym.measuring.grid import Grid, padded_context
from edge_llm_gym.workload.lengths import LengthLimits
from edge_llm_gym.workload.published import published

WORKLOAD = "azure-conv-2023"
PROMPT_PARTS, OUTPUT_PARTS, PARTS = 6, 1, 8
"""Prompts are cut to 6/8 of the largest context and outputs to 1/8, so that a batch fits the cache."""


class WholeBatch(NamedTuple):
    """Token counts of the requests of a static batch."""

    prompts: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def steps(self) -> int:
        """Decode iterations: every sequence runs until the longest answer ends."""
        return max(self.outputs) - 1

    def contexts(self) -> list[int]:
        """Context of each decode iteration: longest prompt and tokens so far, rounded up by `padded_context`."""
        return [padded_context(max(self.prompts) + step) for step in range(1, self.steps + 1)]


def draw_batches(grid: Grid, seed: int) -> list[WholeBatch]:
    """Whole batches whose sizes run through those of the grid, largest first, drawn with a seed."""
    rng = np.random.default_rng(seed)
    limits = LengthLimits(*(max(grid.max_tokens * part // PARTS, 1) for part in (PROMPT_PARTS, OUTPUT_PARTS)))
    sizes = [grid.batches[-1 - index % len(grid.batches)] for index in range(grid.whole_batches)]
    return [_draw(rng, size, limits) for size in sizes]


def _draw(rng: np.random.Generator, size: int, limits: LengthLimits) -> WholeBatch:
    tokens, _ = limits.clip(published(WORKLOAD).lengths.draw(rng, size))
    outputs = np.maximum(tokens.output, 2)  # a batch without a decode iteration says nothing about them
    return WholeBatch(tuple(tokens.prompt.tolist()), tuple(outputs.tolist()))
