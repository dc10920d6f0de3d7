"""A claim of an abstract, in our words, and whether a run agrees with it."""

from dataclasses import dataclass
from typing import Final

AGREES: Final = "agrees"
IN_PART: Final = "agrees in part"
DISAGREES: Final = "does not agree"


@dataclass(frozen=True)
class Claim:
    """A claim in our words, whether this run agrees, and why."""

    text: str
    verdict: str
    evidence: str


def verdict(good: int, of: int) -> str:
    """By how many of the cases looked at are as claimed."""
    if good == of:
        return AGREES
    return IN_PART if good else DISAGREES
