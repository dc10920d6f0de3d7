"""One moment of batching-and-routing dynamics as coloured text: that of batching dynamics, with stages and exits."""

from collections.abc import Iterator
from itertools import chain

from edge_llm_gym.rendering.batching.text import batching_text
from edge_llm_gym.rendering.batching_routing.view import RoutingNodeView, RoutingView
from edge_llm_gym.rendering.network_text import exit_lines, senders_text, threshold_text
from edge_llm_gym.rendering.terminal import NAME, WIDTH, bold, column_heads, cut


def routing_text(view: RoutingView) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes."""
    return batching_text(view, chain(_stages(view), exit_lines(view)))


def _stages(view: RoutingView) -> Iterator[str]:
    yield f"{bold('stages')}  requests of the last epoch: {view.routed} admitted, {view.forwarded} forwarded"
    yield column_heads("stage threshold received forwarded")
    for index, node in enumerate(view.nodes):
        yield cut(f"{_stage(node)}{_senders(view, index)}".rstrip(), WIDTH)


def _stage(node: RoutingNodeView) -> str:
    forwarded = "" if node.forwarded is None else f"{node.forwarded}"
    name, threshold = cut(node.name, NAME), threshold_text(node.threshold)
    return f"  {name:{NAME}} {node.stage:5d} {threshold:>9} {node.received:8d} {forwarded:>9}"


def _senders(view: RoutingView, index: int) -> str:
    senders = senders_text(view.flows, index, len(view.devices), [node.name for node in view.nodes])
    return f"  <- {senders}" if senders else ""
