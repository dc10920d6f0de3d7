"""One moment of batching dynamics as coloured text for a terminal: header, nodes, queue, last epoch, totals."""

import math
from collections.abc import Iterable, Iterator
from typing import Final

from edge_llm_gym.rendering.batching.view import BatchingView, LastEpoch, NodeView, SlotView
from edge_llm_gym.rendering.outcomes import COLOURS, COMPUTED
from edge_llm_gym.rendering.palette import FREED, KV_CACHE, MUTED, OUTCOMES, REFUSED, URGENT, WEIGHTS
from edge_llm_gym.rendering.terminal import (
    BAR,
    NAME,
    WIDTH,
    bar,
    bold,
    compact,
    cut,
    gigabytes,
    header,
    lines_of,
    painted,
    painted_counts,
    usage_text,
)

BUSY_EPOCHS: Final = 4  # a full busy bar
BUSY_BAR: Final = 8
BATCH_SIZES: Final = 9
MAX_SLOTS: Final = 12
MAX_MARKS: Final = 30
CUT_MARK: Final = " ..."


def batching_text(view: BatchingView, after_nodes: Iterable[str] = ()) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes; `after_nodes` stand behind those of the nodes."""
    return lines_of((header(view),), _nodes(view), after_nodes, _queue(view), _last_epoch(view), _totals(view))


def _nodes(view: BatchingView) -> Iterator[str]:
    keys = f"{painted('█', WEIGHTS)} weights {painted('▓', KV_CACHE)} KV caches {painted('▒', FREED)} freed "
    keys += f"{painted('░', MUTED)} free"
    yield f"{bold('nodes')}  memory: {keys}   busy: full bar = {BUSY_EPOCHS} epochs"
    for node in view.nodes:
        yield _node(node, view)


def _node(node: NodeView, view: BatchingView) -> str:
    memory = (
        (node.weight_bytes / node.usable_bytes, "█", WEIGHTS),
        (node.kv_bytes / node.usable_bytes, "▓", KV_CACHE),
        (node.freed_bytes / node.usable_bytes, "▒", FREED),
        ((node.free_bytes - node.freed_bytes) / node.usable_bytes, "░", MUTED),
    )
    busy_s = max(node.free_at_s - view.time_s, 0.0)
    busy = ((busy_s / (BUSY_EPOCHS * view.epoch_s), "▬", OUTCOMES["pending"]),)
    load = cut(node.load(view.time_s), BATCH_SIZES)
    return (
        f"  {cut(node.name, NAME):{NAME}} {bar(memory, BAR)} {gigabytes(node.free_bytes):>6} of "
        f"{gigabytes(node.usable_bytes):>6} GB free  {bar(busy, BUSY_BAR)} {busy_s:6.1f} s  {load}"
    )


def _queue(view: BatchingView) -> Iterator[str]:
    omitted = len(view.queue) - MAX_SLOTS
    yield f"{bold('queue')}  {len(view.queue)} in slots, {view.hidden} hidden"
    if view.queue:
        yield painted("  slot device prompt output min quality  value  waited     left", MUTED)
    for slot in view.queue[:MAX_SLOTS]:
        yield _slot(slot, view.epoch_s)
    if omitted > 0:
        yield painted(f"  ... {omitted} more with later deadlines", MUTED)


def _slot(slot: SlotView, epoch_s: float) -> str:
    colour = URGENT if slot.left_s < epoch_s else OUTCOMES["pending"]
    marks = min(math.ceil(slot.left_s / epoch_s), MAX_MARKS)
    return (
        f"  {slot.slot:4d} {slot.device:6d} {slot.prompt_tokens:6d} {slot.output_tokens:6d} {slot.accuracy:11.2f} "
        f"{compact(slot.value):>6} {slot.waited_s:5.1f} s {slot.left_s:6.1f} s  {painted('■' * marks, colour)}"
    )


def _last_epoch(view: BatchingView) -> Iterator[str]:
    last = view.last
    if last is None:
        yield f"{bold('last epoch')}  none yet"
        return
    computed = painted_counts({name: last.count(name) for name in COMPUTED})
    expired = painted_counts({"expired": last.expired})
    yield f"{bold('last epoch')}  reward {last.reward:+.2f}   {last.arrived} arrived  {computed}  {expired}"
    used = usage_text(last.utilisation, last.node_energy_j)
    yield f"  {painted('refused:', REFUSED)} {last.refusals()}   {used}"
    for index, node in enumerate(view.nodes):
        if any(slot.node == index for slot in last.slots):
            yield _admitted_by(index, node, last)


def _admitted_by(index: int, node: NodeView, last: LastEpoch) -> str:
    """The devices whose requests a node admitted, in the colour of their outcome, as many as fit the line."""
    line = f"  {cut(node.name, NAME):{NAME}} <- devices"
    columns = WIDTH - len(line)
    for slot in last.slots:
        word = f" {slot.device}"
        if slot.node != index:
            continue
        if columns < len(word) + len(CUT_MARK):
            return line + CUT_MARK
        line, columns = line + painted(word, COLOURS[slot.outcome]), columns - len(word)
    return line


def _totals(view: BatchingView) -> Iterator[str]:
    totals = view.totals
    counts = painted_counts(totals.counts())
    yield f"{bold('totals')}  {totals.arrived} arrived: {counts}"
    yield f"  served value {compact(totals.served_value)} of {compact(totals.arrived_value)}"
