"""Splits the timings of a grid into those that a profile is fitted to and those that are held out."""

from collections.abc import Sequence
from typing import NamedTuple

from edge_llm_gym.models.timings import SHAPED, Timing


class Split(NamedTuple):
    """Timings of prefills and decode iterations."""

    fitted: list[Timing]
    held_out: list[Timing]


def split(timings: Sequence[Timing]) -> Split:
    """Alternate points of the grid of batch sizes and token counts, as the colours of a chess board.

    Each batch size and each token count is therefore in both parts, and held-out points lie between fitted ones.
    Timings of other kinds are in neither part.
    """
    parts = Split([], [])
    for kind in SHAPED:
        own = [each for each in timings if each.kind == kind]
        batches = sorted({each.batch for each in own})
        tokens = sorted({each.prompt_or_context_tokens or 0 for each in own})
        for each in own:
            colour = (batches.index(each.batch) + tokens.index(each.prompt_or_context_tokens or 0)) % 2
            parts[colour].append(each)
    return parts
