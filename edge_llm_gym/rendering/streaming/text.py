"""One moment of streaming dynamics as coloured text: header, nodes, links, exits, last epoch, totals."""

from collections.abc import Iterator
from typing import Final

from edge_llm_gym.rendering.network_text import exit_lines, senders_text, threshold_text
from edge_llm_gym.rendering.outcomes import COMPUTED, counts_of
from edge_llm_gym.rendering.palette import BUSY, OUTCOMES, SLOW
from edge_llm_gym.rendering.streaming.view import EpochSummary, StreamingNode, StreamingTotals, StreamingView
from edge_llm_gym.rendering.terminal import (
    NAME,
    WIDTH,
    bar,
    bold,
    column_heads,
    cut,
    header,
    lines_of,
    painted,
    painted_counts,
    usage_text,
)

BUSY_BAR: Final = 12
COMMITTED_BAR: Final = 10
COMMITTED_EPOCHS: Final = 4  # a full bar of committed time


def streaming_text(view: StreamingView) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes."""
    return lines_of((header(view),), _nodes(view), _links(view), exit_lines(view), _last_epoch(view), _totals(view))


def _nodes(view: StreamingView) -> Iterator[str]:
    keys = f"{painted('█', BUSY)} busy in the last epoch {painted('▬', OUTCOMES['pending'])} committed time"
    yield f"{bold('nodes')}  {keys}: full bar = {COMMITTED_EPOCHS} epochs"
    yield column_heads("stage threshold sent                     to finish")
    for node in sorted(view.nodes, key=lambda node: node.stage):
        yield _node(node, view.epoch_s)


def _node(node: StreamingNode, epoch_s: float) -> str:
    busy = bar(((node.utilisation, "█", SLOW if node.speed < 1.0 else BUSY),), BUSY_BAR)
    committed = bar(((node.committed_s / (COMMITTED_EPOCHS * epoch_s), "▬", OUTCOMES["pending"]),), COMMITTED_BAR)
    threshold = threshold_text(node.threshold)
    slow = painted(f"  at {node.speed:.0%}", SLOW) if node.speed < 1.0 else ""
    return (
        f"  {cut(node.name, NAME):{NAME}} {node.stage:5d} {threshold:>9} {node.sent:4d}  {busy} "
        f"{node.utilisation:4.0%} {node.open_visits:9d}  {committed} {node.committed_s:5.1f} s{slow}"
    )


def _links(view: StreamingView) -> Iterator[str]:
    """The senders to every node that received requests in the last epoch."""
    if view.last is not None:
        yield f"{bold('links')}  requests of the last epoch, over each link"
    names = [node.name for node in view.nodes]
    for index, node in enumerate(view.nodes):
        if node.sent:
            senders = senders_text(view.flows, index, len(view.devices), names)
            yield cut(f"  {cut(node.name, NAME):{NAME}} <- {senders}", WIDTH)


def _last_epoch(view: StreamingView) -> Iterator[str]:
    last = view.last
    if last is None:
        yield f"{bold('last epoch')}  none yet"
        return
    reward = "" if last.reward is None else f"reward {last.reward:+.2f}   "
    yield f"{bold('last epoch')}  {reward}{_counts(last.summary)}"
    yield f"{_means(last.summary)}   {usage_text(last.utilisation, last.node_energy_j)}"


def _totals(view: StreamingView) -> Iterator[str]:
    yield f"{bold('totals')}  {_counts(view.totals)} ({view.totals.in_flight} of them in flight)"
    yield _means(view.totals)


def _counts(counts: EpochSummary | StreamingTotals) -> str:
    return f"{counts.arrived} arrived: {painted_counts(counts_of(counts, COMPUTED))}"


def _means(means: EpochSummary | StreamingTotals) -> str:
    return f"  mean delay {means.mean_delay_s:.2f} s, accuracy {means.accuracy:.1%}"
