"""One moment of streaming dynamics as coloured text for a terminal: header, nodes, ways, exits, last epoch, totals."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from edge_llm_gym.rendering.palette import BUSY, EXIT, MUTED, OUTCOMES, SLOW, THRESHOLD
from edge_llm_gym.rendering.streaming.exits import Exiting, ExitView, Flow, Named
from edge_llm_gym.rendering.streaming.view import EpochSummary, StreamNode, StreamTotals, StreamView
from edge_llm_gym.rendering.terminal import NAME, WIDTH, bar, bold, cut, header, painted

CLAIMED_EPOCHS: Final = 4  # a full bar of claimed time


def stream_text(view: StreamView) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes."""
    first = header(view.scenario, view.epoch, view.horizon, view.time_s)
    parts = ((first,), _nodes(view), _ways(view), exit_lines(view), _last_epoch(view), _totals(view))
    return "\n".join(line for part in parts for line in part)


def _nodes(view: StreamView) -> Iterator[str]:
    keys = f"{painted('█', BUSY)} busy in the last epoch {painted('▬', OUTCOMES['pending'])} time claimed"
    yield f"{bold('nodes')}  {keys}, {CLAIMED_EPOCHS} epochs full"
    yield painted("                   stage threshold sent                     to finish", MUTED)
    for node in sorted(view.nodes, key=lambda node: node.stage):
        yield _node(node, view.epoch_s)


def _node(node: StreamNode, epoch_s: float) -> str:
    busy = bar(((node.utilisation, "█", SLOW if node.speed < 1.0 else BUSY),), 12)
    claimed = bar(((node.committed_s / (CLAIMED_EPOCHS * epoch_s), "▬", OUTCOMES["pending"]),), 10)
    slow = painted(f"  at {node.speed:.0%}", SLOW) if node.speed < 1.0 else ""
    threshold = "" if node.threshold is None else f"{node.threshold:.2f}"
    return (
        f"  {cut(node.name, NAME):{NAME}} {node.stage:5d} {threshold:>9} {node.sent:4d}  {busy} "
        f"{node.utilisation:4.0%} {node.open_visits:9d}  {claimed} {node.committed_s:5.1f} s{slow}"
    )


def _ways(view: StreamView) -> Iterator[str]:
    """For every node that got requests in the last epoch, from where."""
    if view.last is not None:
        yield f"{bold('ways')}  requests of the last epoch, over each link"
    flows = view.last.flows if view.last is not None else ()
    for index, node in enumerate(view.nodes):
        if node.sent:
            came = senders(flows, index, len(view.devices), view.nodes)
            yield cut(f"  {cut(node.name, NAME):{NAME}} <- {came}", WIDTH)


def senders(flows: Iterable[Flow], index: int, devices: int, nodes: Sequence[Named]) -> str:
    """How many requests came to a node, and from where: first how many came over the radio."""
    coming = [flow for flow in flows if flow.node == index]
    by_radio = sum(flow.requests for flow in coming if flow.sender < devices)
    by_wire = [f"{flow.requests} from {nodes[flow.sender - devices].name}" for flow in coming if flow.sender >= devices]
    return ", ".join([f"{by_radio} by radio"] * (by_radio > 0) + by_wire)


def exit_lines(view: Exiting) -> Iterator[str]:
    """The exits: shares of those who left there, confidences seen, thresholds."""
    yield f"{bold('exits')}  who leaves there; confidences seen: quantiles 10, 25, 50, 75, 90 %"
    for one in view.exits:
        yield _exit(one, view)


def _exit(one: ExitView, view: Exiting) -> str:
    now, in_all = one.left / max(view.settled, 1), one.left_in_all / max(view.settled_in_all, 1)
    seen = " ".join(f"{quantile:.2f}" for quantile in one.quantiles) or "none yet"
    span = sorted({f"{threshold:.2f}" for threshold in one.thresholds})
    threshold = painted(f"threshold {' to '.join(span[:: max(len(span) - 1, 1)])}", THRESHOLD) if span else ""
    shares = f"{now:4.0%} (episode {in_all:4.0%})"
    return f"  exit {one.exit:2d} {bar(((now, '█', EXIT),), 16)} {shares}   {seen:24}  {threshold}"


def _last_epoch(view: StreamView) -> Iterator[str]:
    last = view.last
    if last is None:
        yield f"{bold('last epoch')}  none yet"
        return
    epoch, reward = last.summary, "" if last.reward is None else f"reward {last.reward:+.2f}   "
    counts = f"{epoch.arrived} arrived: {_settled(epoch)}"
    yield f"{bold('last epoch')}  {reward}{counts}   nodes {last.utilisation:.0%} busy"
    yield f"  mean delay {epoch.mean_delay_s:.2f} s, accuracy {epoch.accuracy:.1%}"


def _totals(view: StreamView) -> Iterator[str]:
    totals = view.totals
    in_flight = painted(f"{totals.in_flight} of them in flight", OUTCOMES["pending"])
    yield f"{bold('totals')}  {totals.arrived} arrived: {_settled(totals)}   {in_flight}"
    yield f"  mean delay {totals.mean_delay_s:.2f} s, accuracy {totals.accuracy:.1%}"


def _settled(counts: EpochSummary | StreamTotals) -> str:
    return "  ".join(
        painted(f"{getattr(counts, name)} {name}", OUTCOMES[name]) for name in ("served", "late", "below_quality")
    )
