"""The numbers that one epoch leaves behind, by name and column."""

from typing import Final

METRICS: Final[tuple[str, ...]] = (
    "arrived",  # requests that came in as the clock moved on
    "served",
    "late",
    "poor",
    "expired",
    "pending",  # level after the epoch, shown and unshown
    "unseen",  # of those, how many have no slot
    "asked",  # requests that the batch action put on some node
    "admitted",  # of those, how many were computed
    "refused_uplink",
    "refused_downlink",
    "refused_memory",
    "arrived_value",
    "served_value",
    "late_value",
    "poor_value",
    "expired_value",
    "delay_s",  # summed over the served
    "quality",  # summed over the served
    "utilisation",  # busy share of the epoch, mean over nodes
)
COLUMN: Final[dict[str, int]] = {name: column for column, name in enumerate(METRICS)}
FINAL_OUTCOMES: Final[tuple[str, ...]] = ("served", "late", "poor", "expired")
