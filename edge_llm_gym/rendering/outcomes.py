"""Outcomes as they are shown: the computed ones in stacking order, labels, and counts with their colours."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from edge_llm_gym.rendering.palette import OUTCOMES, RUNNING, Colour
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED

COMPUTED: Final[Mapping[str, int]] = MappingProxyType({"served": SERVED, "late": LATE, "below_quality": BELOW_QUALITY})
"""Name -> code of the outcomes of computed requests, in the order in which bars stack them."""
ADMITTED: Final = (*COMPUTED, "running")
"""Outcomes of requests that joined a node."""
COLOURS: Final[Mapping[str, Colour]] = MappingProxyType({**OUTCOMES, "running": RUNNING})
"""Outcome -> colour."""
REFUSALS: Final = ("uplink", "downlink", "memory")
"""Reasons for which a node refuses a request; the outcome is named "refused_" and the reason."""


def outcome_label(name: str) -> str:
    """An outcome's name as legends and counts show it."""
    return name.replace("_", " ")


def coloured_counts(counts: Mapping[str, int]) -> tuple[tuple[str, Colour], ...]:
    """Number with label, and colour, of each outcome."""
    return tuple((f"{count} {outcome_label(name)}", COLOURS[name]) for name, count in counts.items())


def counts_of(record: object, names: Iterable[str]) -> dict[str, int]:
    """The counts that a record holds in attributes named after outcomes."""
    return {name: getattr(record, name) for name in names}
