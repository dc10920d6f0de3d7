"""One moment of batching-and-routing dynamics as plain numbers and strings: all that a picture of it needs."""

from dataclasses import dataclass

from edge_llm_gym.rendering.batching.view import BatchingView, NodeView
from edge_llm_gym.rendering.exits import ExitView
from edge_llm_gym.rendering.links import Flow


@dataclass(frozen=True)
class RoutingNodeView(NodeView):
    """A node, its stage counted from 1. Threshold and counts of requests are those of the last epoch."""

    stage: int
    threshold: float | None
    """None before the first epoch."""
    received: int
    """Requests that it computed or will compute."""
    forwarded: int | None
    """Those of them that it forwarded to the next stage; None where it has no outgoing link."""


@dataclass(frozen=True)
class RoutingView(BatchingView):
    """One row at one decision time. Routes and exits are those of the requests that the last epoch admitted."""

    nodes: tuple[RoutingNodeView, ...]
    wires: tuple[tuple[int, int], ...]
    """From node to node."""
    flows: tuple[Flow, ...]
    """Of the requests that the last epoch admitted."""
    exits: tuple[ExitView, ...]
    routed: int
    """Requests that the last epoch admitted."""
    routed_total: int
    """Requests admitted since the reset."""

    @property
    def forwarded(self) -> int:
        """How often the last epoch forwarded a request to the next stage."""
        return sum(node.forwarded or 0 for node in self.nodes)
