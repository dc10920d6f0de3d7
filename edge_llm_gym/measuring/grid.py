"""What is timed: batch sizes, token counts, repetitions and whole batches."""

import math
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_llm_gym.models.checks import require_count
from edge_llm_gym.models.hardware_profiles.prediction import PADDED_CONTEXT_STEP


@dataclass(frozen=True, slots=True)
class Grid:
    """Decode iterations at every batch size and context, prefills of one prompt at every context, whole batches.

    Raises TypeError for a count that is not whole, ValueError for one below 1 and for values that do not increase.
    """

    batches: tuple[int, ...]
    """Sequences of a decode iteration."""
    contexts: tuple[int, ...]
    """Tokens of each sequence in a decode iteration, and tokens of the prompt of a prefill."""
    repeats: int = 15
    """Timings of every decode iteration; prefills take a third of them."""
    whole_batches: int = 6
    """Static batches timed from the first prefill to the last token."""

    def __post_init__(self) -> None:
        require_count("Grid", repeats=self.repeats, whole_batches=self.whole_batches)
        for name, values in (("batches", self.batches), ("contexts", self.contexts)):
            _require_increasing(name, values)

    @property
    def prefill_repeats(self) -> int:
        """Timings of every prefill, at least one."""
        return max(self.repeats // 3, 1)

    @property
    def max_tokens(self) -> int:
        """Largest context."""
        return self.contexts[-1]

    @property
    def capacity(self) -> int:
        """Tokens of a sequence that the KV cache holds: the largest context, rounded up to a multiple of 256."""
        return padded_context(self.max_tokens)

    @property
    def max_batch(self) -> int:
        """Largest batch."""
        return self.batches[-1]


def padded_context(tokens: int) -> int:
    """A context rounded up as in padded batches, of which few CUDA graphs are recorded therefore."""
    return math.ceil(tokens / PADDED_CONTEXT_STEP) * PADDED_CONTEXT_STEP


MIN_BATCHES, MIN_CONTEXTS = 3, 3
"""Fewest values that leave points to hold out: a decode iteration has three coefficients, a prefill two."""


def _require_increasing(name: str, values: tuple[int, ...]) -> None:
    """Raises ValueError unless there are at least three values, positive and increasing."""
    require_count("Grid", **{f"{name}[{index}]": value for index, value in enumerate(values)})
    fewest = {"batches": MIN_BATCHES, "contexts": MIN_CONTEXTS}[name]
    if len(values) < fewest or list(values) != sorted(set(values)):
        raise ValueError(
            f"{name} must hold at least {fewest} different numbers in increasing order, so that a part of the grid "
            f"can be held out, got {values!r}"
        )


GRIDS = MappingProxyType(
    {
        "cpu": Grid((1, 2, 4, 8), (64, 128, 256, 512, 1024)),
        "cuda": Grid((1, 2, 4, 8, 16, 32), (128, 512, 1024, 2048, 4096), whole_batches=12),
    }
)
"""Default grid of each kind of device."""
QUICK = Grid((1, 2, 4), (32, 64, 128), repeats=3, whole_batches=2)
"""A small grid for a first try; its timings are too few for a profile."""


def make_grid(
    device: str,
    *,
    quick: bool = False,
    batches: tuple[int, ...] | None = None,
    contexts: tuple[int, ...] | None = None,
    repeats: int | None = None,
) -> Grid:
    """The default grid of a kind of device with changes. Raises as `Grid` does."""
    base = QUICK if quick else GRIDS[device]
    return replace(
        base, batches=batches or base.batches, contexts=contexts or base.contexts, repeats=repeats or base.repeats
    )
