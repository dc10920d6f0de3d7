"""What shows each admission: a table of entry points, loaded on use, so that nothing is imported before it is drawn."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.sim.simulator import Simulator


@dataclass(frozen=True)
class Pictures:
    """Entry points "module:function" of one admission."""

    view: str
    """(simulator, row, result of the last step or None) -> all that a picture needs, as plain numbers and strings."""
    painters: Mapping[str, str]
    """Render mode -> (view) -> text or image."""
    timeline: str
    """(simulator, row) -> figure of the episode so far."""


OF_BATCHES: Final = Pictures(
    view="edge_llm_gym.rendering.view:view_of",
    painters={
        "ansi": "edge_llm_gym.rendering.text:epoch_text",
        "rgb_array": "edge_llm_gym.rendering.frames:epoch_frame",
    },
    timeline="edge_llm_gym.rendering.timeline:epoch_timeline",
)
OF_TRAFFIC: Final = Pictures(
    view="edge_llm_gym.rendering.streaming.view:stream_view_of",
    painters={
        "ansi": "edge_llm_gym.rendering.streaming.text:stream_text",
        "rgb_array": "edge_llm_gym.rendering.streaming.frames:stream_frame",
    },
    timeline="edge_llm_gym.rendering.streaming.timeline:stream_timeline",
)
OF_STAGES: Final = Pictures(
    view="edge_llm_gym.rendering.batching_routing.view:staged_view_of",
    painters={
        "ansi": "edge_llm_gym.rendering.batching_routing.text:staged_text",
        "rgb_array": "edge_llm_gym.rendering.batching_routing.frames:staged_frame",
    },
    timeline=OF_BATCHES.timeline,
)
PICTURES: Final[Mapping[str, Pictures]] = MappingProxyType(
    {"batching": OF_BATCHES, "batching_routing": OF_STAGES, "streaming": OF_TRAFFIC}
)
"""Admission -> its pictures."""


def pictures_of(simulator: Simulator) -> Pictures:
    """Those of the simulator's admission."""
    return PICTURES[simulator.scenario.dynamics]


def loaded(entry_point: str) -> Callable[..., Any]:
    """The function that an entry point names; imports its module."""
    function: Callable[..., Any] = resolve_name(entry_point)
    return function
