"""How a flat action is made of what a set network says: blocks of numbers per pair, per item or per node, in order."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from agents.index_codec import BENT
from edge_llm_gym.scenario import Scenario

Shapes = tuple[int, int]
"""Numbers of items L and of nodes K."""


@dataclass(frozen=True)
class Block:
    """`width` numbers for each member of a kind, one after the other in the flat action.

    "pair" blocks are [L, K, width], "item" blocks [L, width], "node" blocks [K, width], and a "whole" block [width]; a
    "choice" block [L, 1 + K] puts the score of choosing no node before the scores of the pairs.
    """

    kind: str
    width: int = 1

    def size(self, shapes: Shapes) -> int:
        """Numbers in the flat action."""
        return SIZES[self.kind](*shapes) * self.width


SIZES: Final[Mapping[str, Callable[[int, int], int]]] = {
    "pair": lambda items, nodes: items * nodes,
    "item": lambda items, nodes: items,
    "node": lambda items, nodes: nodes,
    "choice": lambda items, nodes: items * (1 + nodes),
    "whole": lambda items, nodes: 1,
}


def flat_size(blocks: Sequence[Block], shapes: Shapes) -> int:
    """Length of the flat action."""
    return sum(block.size(shapes) for block in blocks)


Settings = Mapping[str, Any]


def _priority(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("pair"), Block("node")) if settings.get("caps") else (Block("pair"),)


def _priced(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("pair"),) if settings.get("pairs") else (Block("item"),)


def _chosen(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    levels = settings.get("levels")
    return (Block("choice"),) if levels is None else (Block("choice"), Block("item", 2 * levels))


def _weights(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("item"), Block("item", 2)


def _index(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("whole", len(BENT)), Block("node"), Block("node")


def _tilt(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("whole"), Block("node"), Block("node")


def _flows(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("pair"), Block("node")


def _levels(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    levels = settings.get("levels", 5)
    return Block("pair", levels), Block("node", levels)


Layout = Callable[[Settings, Scenario], tuple[Block, ...]]


def _forwarding(scenario: Scenario, width: int = 1) -> Block:
    """Offload rows [K, K] and thresholds [K] of batching-and-routing dynamics, which belong to no request."""
    nodes = len(scenario.nodes)
    return Block("whole", (nodes + 1) * nodes * width)


def _then_forwarding(batches: Layout) -> Layout:
    return lambda settings, scenario: (*batches(settings, scenario), _forwarding(scenario))


def _staged_levels(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("choice"), _forwarding(scenario, settings.get("levels", 5))


LAYOUTS: Final[Mapping[tuple[str, str], Layout]] = MappingProxyType(
    {
        ("batching", "priority"): _priority,
        ("batching", "priced"): _priced,
        ("batching", "index"): _index,
        ("batching", "multidiscrete"): _chosen,
        ("batching", "box"): _weights,
        ("streaming", "tilt"): _tilt,
        ("streaming", "box"): _flows,
        ("streaming", "multidiscrete"): _levels,
        ("batching_routing", "priority"): _then_forwarding(_priority),
        ("batching_routing", "priced"): _then_forwarding(_priced),
        ("batching_routing", "multidiscrete"): _staged_levels,
        ("batching_routing", "box"): _then_forwarding(_weights),
    }
)
"""Admission and codec -> blocks of the flat action for the codec's settings."""


def blocks_of(codec: str, settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    """The blocks of a codec. Raises ValueError for one that a set network cannot speak."""
    key = (scenario.dynamics, codec)
    if key not in LAYOUTS:
        able = [name for dynamics, name in LAYOUTS if dynamics == scenario.dynamics]
        raise ValueError(
            f"a set-structured policy cannot act through codec {codec!r} with dynamics {scenario.dynamics!r}; "
            f"choose one of {able}, or write policy: {{kind: mlp}}"
        )
    return LAYOUTS[key](settings, scenario)
