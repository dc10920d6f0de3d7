"""Tables of the pooled dynamics: nodes, batches or sequences, queue, what the last epoch did, stages and exits."""

from edge_llm_gym.rendering.batching.view import BatchingView
from edge_llm_gym.rendering.batching_routing.view import RoutingView
from edge_llm_gym.rendering.continuous_batching.view import ContinuousView
from edge_llm_gym.rendering.html.exits import exit_table, number, optional
from edge_llm_gym.rendering.outcomes import outcome_label
from edge_llm_gym.rendering.terminal import gigabytes
from edge_llm_gym.sheets import Cell, Column, Sheet, make_sheet
from edge_llm_gym.units import GIGA


def batching_tables(view: BatchingView) -> list[Sheet]:
    """Tables of batching dynamics."""
    return [_queue(view), _batches(view), _nodes(view), _outcomes(view)]


def continuous_tables(view: ContinuousView) -> list[Sheet]:
    """Tables of continuous batching, the longest one last."""
    return [_queue(view), _nodes(view), _outcomes(view), _sequences(view)]


def routing_tables(view: RoutingView) -> list[Sheet]:
    """Tables of batching-and-routing dynamics."""
    return [_queue(view), _batches(view), exit_table(view), _stages(view), _nodes(view), _outcomes(view)]


def _gigabytes(size_bytes: float) -> Cell:
    return Cell(gigabytes(size_bytes), size_bytes / GIGA)


def _queue(view: BatchingView) -> Sheet:
    rows = (
        (
            number(slot.slot),
            number(slot.device),
            number(slot.prompt_tokens),
            number(slot.output_tokens),
            number(slot.accuracy, ".2f"),
            number(slot.value, ".3g"),
            number(slot.waited_s, ".1f"),
            number(slot.left_s, ".1f"),
        )
        for slot in view.queue
    )
    columns = ("slot", "device", "prompt", "output", "min quality", "value", "waited [s]", "left [s]")
    title = f"queue: {len(view.queue)} in slots, {view.hidden} hidden"
    return make_sheet(title, (Column("slot"), *columns[1:]), rows)


def _batches(view: BatchingView) -> Sheet:
    rows = (
        (
            node.name,
            number(batch.epoch),
            number(batch.begin_s, ".1f"),
            number(batch.end_s, ".1f"),
            number(batch.requests),
            number(batch.served),
            number(batch.late),
            number(batch.below_quality),
            _gigabytes(batch.kv_bytes),
        )
        for node in view.nodes
        for batch in node.batches
    )
    columns = ("node", "epoch", "begin [s]", "end [s]", "requests", "served", "late", "below quality", "KV cache [GB]")
    return make_sheet("batches that ended in the last epoch or are unfinished", columns, rows)


def _sequences(view: ContinuousView) -> Sheet:
    rows = (
        (node.name, outcome_label(one.outcome), number(one.begin_s, ".1f"), number(one.end_s, ".1f"))
        for node in view.nodes
        for one in node.sequences
    )
    columns = ("node", Column("outcome", "left"), "begin [s]", "end or now [s]")
    return make_sheet("sequences that run or ended in the last epochs", columns, rows)


def _nodes(view: BatchingView) -> Sheet:
    rows = (
        (
            node.name,
            node.hardware,
            number(node.quality, ".3f"),
            _gigabytes(node.usable_bytes),
            _gigabytes(node.free_bytes),
            number(max(node.free_at_s - view.time_s, 0.0), ".1f"),
            node.load(view.time_s),
        )
        for node in view.nodes
    )
    columns = ("node", Column("hardware", "left"), "quality", "memory [GB]", "free [GB]", "busy for [s]", "load")
    return make_sheet("nodes", columns, rows)


def _outcomes(view: BatchingView) -> Sheet:
    slots = view.last.slots if view.last is not None else ()
    rows = (
        (
            number(slot.slot),
            number(slot.device),
            outcome_label(slot.outcome),
            "-" if slot.node is None else view.nodes[slot.node].name,
            optional(slot.latency_s, ".2f"),
        )
        for slot in slots
    )
    columns = (Column("slot"), "device", Column("outcome", "left"), Column("node", "left"), "latency [s]")
    return make_sheet("slots of the last epoch", columns, rows)


def _stages(view: RoutingView) -> Sheet:
    rows = (
        (
            node.name,
            number(node.stage),
            optional(node.threshold, ".2f"),
            number(node.received),
            optional(node.forwarded, "d"),
        )
        for node in view.nodes
    )
    title = f"stages: {view.routed} requests of the last epoch admitted, {view.forwarded} forwarded"
    return make_sheet(title, ("node", "stage", "threshold", "received", "forwarded"), rows)
