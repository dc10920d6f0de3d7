"""One moment of batching-and-routing dynamics as coloured text for a terminal: that of batching dynamics, with stages and exits."""

from collections.abc import Iterator
from itertools import chain

from edge_llm_gym.rendering.batching_routing.view import StagedNode, StagedView
from edge_llm_gym.rendering.palette import MUTED
from edge_llm_gym.rendering.streaming.text import exit_lines, senders
from edge_llm_gym.rendering.terminal import NAME, WIDTH, bold, cut, painted
from edge_llm_gym.rendering.text import epoch_text


def staged_text(view: StagedView) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes."""
    return epoch_text(view, chain(_stages(view), exit_lines(view)))


def _stages(view: StagedView) -> Iterator[str]:
    yield f"{bold('stages')}  requests of the last epoch: {view.settled} admitted, {view.forwarded} forwarded"
    yield painted("                   stage threshold took sent on", MUTED)
    for index, node in enumerate(view.nodes):
        yield cut(f"{_stage(node)}{_came(view, index)}".rstrip(), WIDTH)


def _stage(node: StagedNode) -> str:
    threshold = "" if node.threshold is None else f"{node.threshold:.2f}"
    sent_on = "" if node.sent_on is None else f"{node.sent_on}"
    return f"  {cut(node.name, NAME):{NAME}} {node.stage:5d} {threshold:>9} {node.took:4d} {sent_on:>7}"


def _came(view: StagedView, index: int) -> str:
    came = senders(view.flows, index, len(view.devices), view.nodes)
    return f"  <- {came}" if came else ""
