"""Time intervals."""

from edge_llm_gym.compiled import kernel


@kernel
def overlap_s(from_s: float, until_s: float, begin_s: float, end_s: float) -> float:
    """Length of the intersection of [from_s, until_s] and [begin_s, end_s], 0 if they are disjoint."""
    return max(min(until_s, end_s) - max(from_s, begin_s), 0.0)
