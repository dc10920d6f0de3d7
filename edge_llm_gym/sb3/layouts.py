"""Layouts of flat actions: the blocks of numbers per pair, item or node that a set network outputs for each codec."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from edge_llm_gym.codecs.dispatch_rule import CHOICES
from edge_llm_gym.codecs.weighted_priority import WEIGHTED_FEATURES
from edge_llm_gym.linear import LINEAR
from edge_llm_gym.linear.residual_plan import GLOBAL_CORRECTIONS
from edge_llm_gym.scenario import Scenario

Shapes = tuple[int, int]
"""Numbers of items L and of nodes K."""


@dataclass(frozen=True)
class Block:
    """`width` numbers for each token of a kind, one after the other in the flat action.

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
OFFLOAD_LEVELS = 5
"""Levels of weights and thresholds that the multidiscrete codecs take by default."""


def _priority(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("pair"), Block("node")) if settings.get("caps") else (Block("pair"),)


def _priced(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("pair"),) if settings.get("pairs") else (Block("item"),)


def _prices(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("pair"), Block("node")


def _choices(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    levels = settings.get("levels")
    return (Block("choice"),) if levels is None else (Block("choice"), Block("item", 2 * levels))


def _node_and_bandwidth(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("item"), Block("item", 2)


def _weighted_priority(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("whole", len(WEIGHTED_FEATURES)), Block("node"), Block("node")


def _dispatch_rule(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("whole", 1 + len(CHOICES)),)


def _residual_routing(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("whole", GLOBAL_CORRECTIONS), Block("node"), Block("node")


def _parameters(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return (Block("whole", LINEAR[scenario.dynamics].size(scenario)),)


def _offload_box(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("pair"), Block("node")


def _offload_levels(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    levels = settings.get("levels", OFFLOAD_LEVELS)
    return Block("pair", levels), Block("node", levels)


Layout = Callable[[Settings, Scenario], tuple[Block, ...]]


def _forwarding(scenario: Scenario, width: int = 1) -> Block:
    """Offload rows [K, K] and thresholds [K] of batching-and-routing dynamics, which do not belong to any request."""
    nodes = len(scenario.nodes)
    return Block("whole", (nodes + 1) * nodes * width)


def _then_forwarding(batches: Layout) -> Layout:
    return lambda settings, scenario: (*batches(settings, scenario), _forwarding(scenario))


def _batching_routing_levels(settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    return Block("choice"), _forwarding(scenario, settings.get("levels", OFFLOAD_LEVELS))


LAYOUTS: Final[Mapping[tuple[str, str], Layout]] = MappingProxyType(
    {
        ("batching", "priority"): _priority,
        ("batching", "priced"): _priced,
        ("batching", "weighted_priority"): _weighted_priority,
        ("batching", "dispatch_rule"): _dispatch_rule,
        ("batching", "multidiscrete"): _choices,
        ("batching", "box"): _node_and_bandwidth,
        ("batching", "parameters"): _parameters,
        ("batching", "prices"): _prices,
        ("streaming", "parameters"): _parameters,
        ("batching_routing", "parameters"): _parameters,
        ("batching_routing", "prices"): _prices,
        ("streaming", "residual_routing"): _residual_routing,
        ("streaming", "box"): _offload_box,
        ("streaming", "multidiscrete"): _offload_levels,
        ("batching_routing", "priority"): _then_forwarding(_priority),
        ("batching_routing", "priced"): _then_forwarding(_priced),
        ("batching_routing", "multidiscrete"): _batching_routing_levels,
        ("batching_routing", "box"): _then_forwarding(_node_and_bandwidth),
    }
)
"""Dynamics and codec -> blocks of the flat action for the codec's settings."""


def blocks_of(codec: str, settings: Settings, scenario: Scenario) -> tuple[Block, ...]:
    """The blocks of a codec. Raises ValueError for a codec without a layout."""
    key = (scenario.dynamics, codec)
    if key not in LAYOUTS:
        able = [name for dynamics, name in LAYOUTS if dynamics == scenario.dynamics]
        raise ValueError(
            f"a set-structured policy cannot act through codec {codec!r} with dynamics {scenario.dynamics!r}; "
            f"choose one of {able}, or write policy: {{kind: mlp}}"
        )
    return LAYOUTS[key](settings, scenario)
