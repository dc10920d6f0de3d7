"""The functions that draw each dynamics: entry points, imported on use, so that drawing libraries stay optional."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.sim.simulator import Simulator

PACKAGE: Final = "edge_llm_gym.rendering"


@dataclass(frozen=True)
class Pictures:
    """Entry points "module:function" of one dynamics."""

    view: str
    """(simulator, row, result of the last step or None) -> all that a picture needs, as plain numbers and strings."""
    painters: Mapping[str, str]
    """Render mode -> (view) -> text or image."""
    timeline: str
    """(simulator, row) -> figure of the episode so far."""
    tables: str
    """(view) -> sheets of the page of an episode."""


BATCHING_TIMELINE: Final = f"{PACKAGE}.batching.timeline:batching_timeline"
PICTURES: Final[Mapping[str, Pictures]] = MappingProxyType(
    {
        "batching": Pictures(
            view=f"{PACKAGE}.batching.view_builder:batching_view",
            painters={
                "ansi": f"{PACKAGE}.batching.text:batching_text",
                "rgb_array": f"{PACKAGE}.batching.frames:batching_frame",
            },
            timeline=BATCHING_TIMELINE,
            tables=f"{PACKAGE}.html.pooled:batching_tables",
        ),
        "continuous_batching": Pictures(
            view=f"{PACKAGE}.continuous_batching.view_builder:continuous_view",
            painters={
                "ansi": f"{PACKAGE}.continuous_batching.text:continuous_text",
                "rgb_array": f"{PACKAGE}.continuous_batching.frames:continuous_frame",
            },
            timeline=f"{PACKAGE}.continuous_batching.timeline:continuous_timeline",
            tables=f"{PACKAGE}.html.pooled:continuous_tables",
        ),
        "batching_routing": Pictures(
            view=f"{PACKAGE}.batching_routing.view_builder:routing_view",
            painters={
                "ansi": f"{PACKAGE}.batching_routing.text:routing_text",
                "rgb_array": f"{PACKAGE}.batching_routing.frames:routing_frame",
            },
            timeline=BATCHING_TIMELINE,
            tables=f"{PACKAGE}.html.pooled:routing_tables",
        ),
        "streaming": Pictures(
            view=f"{PACKAGE}.streaming.view_builder:streaming_view",
            painters={
                "ansi": f"{PACKAGE}.streaming.text:streaming_text",
                "rgb_array": f"{PACKAGE}.streaming.frames:streaming_frame",
            },
            timeline=f"{PACKAGE}.streaming.timeline:streaming_timeline",
            tables=f"{PACKAGE}.html.streaming:streaming_tables",
        ),
    }
)
"""Variant of the dynamics -> its pictures."""


def pictures_of(simulator: Simulator) -> Pictures:
    """Those of the simulator's dynamics."""
    return PICTURES[simulator.scenario.variant]


def loaded(entry_point: str) -> Callable[..., Any]:
    """The function that an entry point names; imports its module."""
    function: Callable[..., Any] = resolve_name(entry_point)
    return function
