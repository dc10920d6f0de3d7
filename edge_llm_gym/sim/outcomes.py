"""Outcomes of requests: the codes, their names, and the outcome of an answer."""

from enum import IntEnum
from typing import Final

from edge_llm_gym.compiled import kernel


class Outcome(IntEnum):
    """Outcomes of requests; `Outcome(code)` of a code in `info["slots"]["outcome"]` has its name.

    | code | outcome | meaning |
    |---|---|---|
    | 0 | empty | no request in the slot |
    | 1 | waiting | the action let the request wait |
    | 2 | served | computed, in time, and of sufficient quality |
    | 3 | late | computed, but the answer ends after the deadline, or the request was evicted |
    | 4 | below_quality | computed in time, but the quality is below the request's demand |
    | 5 | expired | left the queue because no node could serve it in time any more |
    | 6 | refused_uplink | not admitted: its uplink share is too small |
    | 7 | refused_downlink | not admitted: its downlink share is too small |
    | 8 | refused_memory | not admitted: its KV cache does not fit in the free memory of the node |
    | 9 | running | continuous batching: admitted, its last token is not computed yet |

    Refused requests stay in the queue. The outcome of a slot is that of the admission, so it is never 5: requests that
    waited or were refused may expire at the end of the epoch, which `info["slots"]["expired"]` tells. The metric
    `expired` counts these and the requests without a slot that expired: hidden ones, and arrivals that no node could
    serve in time.
    """

    EMPTY = 0  # for a request of the tape: not arrived yet
    WAITING = 1
    SERVED = 2
    LATE = 3
    BELOW_QUALITY = 4
    EXPIRED = 5
    REFUSED_UPLINK = 6
    REFUSED_DOWNLINK = 7
    REFUSED_MEMORY = 8
    RUNNING = 9


# Kernels take plain numbers.
EMPTY: Final = Outcome.EMPTY.value
WAITING: Final = Outcome.WAITING.value
SERVED: Final = Outcome.SERVED.value
LATE: Final = Outcome.LATE.value
BELOW_QUALITY: Final = Outcome.BELOW_QUALITY.value
EXPIRED: Final = Outcome.EXPIRED.value
REFUSED_UPLINK: Final = Outcome.REFUSED_UPLINK.value
REFUSED_DOWNLINK: Final = Outcome.REFUSED_DOWNLINK.value
REFUSED_MEMORY: Final = Outcome.REFUSED_MEMORY.value
RUNNING: Final = Outcome.RUNNING.value
OUTCOME_NAMES: Final = tuple(outcome.name.lower() for outcome in Outcome)
"""Outcome code -> name."""
TIME_TOLERANCE_S = 1e-9


@kernel
def outcome_of(answered_s: float, deadline_s: float, quality: float, quality_demand: float) -> int:
    """LATE after the deadline, else SERVED if the quality reaches the demand, else BELOW_QUALITY."""
    if answered_s > deadline_s + TIME_TOLERANCE_S:
        return LATE
    return SERVED if quality >= quality_demand else BELOW_QUALITY
