"""One moment of batching dynamics as coloured text for a terminal: header, nodes, queue, last epoch, totals."""

import math
from collections.abc import Iterable, Iterator
from typing import Final

from edge_llm_gym.rendering.palette import FREED, KV_CACHE, MUTED, OUTCOMES, REFUSED, URGENT, WEIGHTS
from edge_llm_gym.rendering.terminal import BAR, NAME, WIDTH, bar, bold, compact, cut, header, painted
from edge_llm_gym.rendering.view import EpochView, LastEpoch, NodeView, SlotView
from edge_llm_gym.units import GIGA

BUSY_EPOCHS: Final = 4  # a full busy bar
MAX_SLOTS: Final = 12
REFUSALS: Final = ("uplink", "downlink", "memory")


def epoch_text(view: EpochView, after_nodes: Iterable[str] = ()) -> str:
    """Lines of at most WIDTH columns, coloured with ANSI escapes; `after_nodes` stand behind those of the nodes."""
    first = header(view.scenario, view.epoch, view.horizon, view.time_s)
    parts = ((first,), _nodes(view), after_nodes, _queue(view), _last_epoch(view), _totals(view))
    return "\n".join(line for part in parts for line in part)


def _nodes(view: EpochView) -> Iterator[str]:
    keys = f"{painted('█', WEIGHTS)} weights {painted('▓', KV_CACHE)} KV caches {painted('▒', FREED)} freed "
    keys += f"{painted('░', MUTED)} free"
    yield f"{bold('nodes')}  memory: {keys}   busy: {BUSY_EPOCHS} epochs full"
    for node in view.nodes:
        yield _node(node, view)


def _node(node: NodeView, view: EpochView) -> str:
    memory = (
        (node.weight_bytes / node.usable_bytes, "█", WEIGHTS),
        (node.kv_bytes / node.usable_bytes, "▓", KV_CACHE),
        (node.freed_bytes / node.usable_bytes, "▒", FREED),
        ((node.free_bytes - node.freed_bytes) / node.usable_bytes, "░", MUTED),
    )
    busy_s = max(node.free_at_s - view.time_s, 0.0)
    busy = ((busy_s / (BUSY_EPOCHS * view.epoch_s), "▬", OUTCOMES["pending"]),)
    sizes = "+".join(f"{batch.requests}" for batch in node.batches if batch.end_s > view.time_s) or "idle"
    return (
        f"  {cut(node.name, NAME):{NAME}} {bar(memory, BAR)} {node.free_bytes / GIGA:5.1f} of "
        f"{node.usable_bytes / GIGA:5.1f} GB free  {bar(busy, 8)} {busy_s:6.1f} s  {cut(sizes, 9)}"
    )


def _queue(view: EpochView) -> Iterator[str]:
    hidden = len(view.queue) - MAX_SLOTS
    yield f"{bold('queue')}  {len(view.queue)} shown, {view.hidden} hidden"
    if view.queue:
        yield painted("  slot device prompt output quality  value  waited     left", MUTED)
    for slot in view.queue[:MAX_SLOTS]:
        yield _slot(slot, view.epoch_s)
    if hidden > 0:
        yield painted(f"  ... {hidden} more with later deadlines", MUTED)


def _slot(slot: SlotView, epoch_s: float) -> str:
    colour = URGENT if slot.left_s < epoch_s else OUTCOMES["pending"]
    marks = min(math.ceil(slot.left_s / epoch_s), 30)
    return (
        f"  {slot.slot:4d} {slot.device:6d} {slot.prompt_tokens:6d} {slot.output_tokens:6d} {slot.accuracy:7.2f} "
        f"{compact(slot.value):>6} {slot.waited_s:5.1f} s {slot.left_s:6.1f} s  {painted('■' * marks, colour)}"
    )


def _last_epoch(view: EpochView) -> Iterator[str]:
    last = view.last
    if last is None:
        yield f"{bold('last epoch')}  none yet"
        return
    computed = "  ".join(
        painted(f"{last.count(name)} {name}", OUTCOMES[name]) for name in ("served", "late", "below_quality")
    )
    refused = ", ".join(f"{last.count(f'refused_{why}')} {why}" for why in REFUSALS)
    expired = painted(f"{last.expired} expired", OUTCOMES["expired"])
    yield f"{bold('last epoch')}  reward {last.reward:+.2f}   {last.arrived} arrived  {computed}  {expired}"
    yield f"  {painted('refused:', REFUSED)} {refused}   nodes {last.utilisation:.0%} busy"
    for index, node in enumerate(view.nodes):
        if any(slot.node == index for slot in last.slots):
            yield _served_by(index, node, last)


def _served_by(index: int, node: NodeView, last: LastEpoch) -> str:
    """The devices whose requests a node took, in the colour of their outcome, as many as the line holds."""
    line, room = f"  {cut(node.name, NAME):{NAME}} <- devices", WIDTH - NAME - 15
    for slot in last.slots:
        word = f" {slot.device}"
        if slot.node != index:
            continue
        if room < len(word) + 4:
            return line + " ..."
        line, room = line + painted(word, OUTCOMES[slot.outcome]), room - len(word)
    return line


def _totals(view: EpochView) -> Iterator[str]:
    totals = view.totals
    counts = "  ".join(painted(f"{getattr(totals, name)} {name}", colour) for name, colour in OUTCOMES.items())
    yield f"{bold('totals')}  {totals.arrived} arrived: {counts}"
    yield f"  served value {compact(totals.served_value)} of {compact(totals.arrived_value)}"
