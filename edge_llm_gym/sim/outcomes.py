"""Outcomes of requests: the codes, their names, and the outcome of an answer."""

from typing import Final

from edge_llm_gym.compiled import kernel

EMPTY: Final = 0  # no request in the slot; for a request of the tape: not arrived yet
WAITING: Final = 1
SERVED: Final = 2
LATE: Final = 3
BELOW_QUALITY: Final = 4
EXPIRED: Final = 5
REFUSED_UPLINK: Final = 6
REFUSED_DOWNLINK: Final = 7
REFUSED_MEMORY: Final = 8
RUNNING: Final = 9  # admitted, and its last token is not computed yet; continuous batching only
OUTCOME_NAMES: Final = (
    "empty",
    "waiting",
    "served",
    "late",
    "below_quality",
    "expired",
    "refused_uplink",
    "refused_downlink",
    "refused_memory",
    "running",
)
"""Outcome code -> name."""
TIME_TOLERANCE_S = 1e-9


@kernel
def outcome_of(answered_s: float, deadline_s: float, quality: float, quality_demand: float) -> int:
    """LATE after the deadline, else SERVED if the quality reaches the demand, else BELOW_QUALITY."""
    if answered_s > deadline_s + TIME_TOLERANCE_S:
        return LATE
    return SERVED if quality >= quality_demand else BELOW_QUALITY
