"""Builds the view of one row of continuous batching from its tape and state and the result of its last step."""

from edge_llm_gym.rendering.batching.node_views import usable_node
from edge_llm_gym.rendering.batching.view import LastEpoch
from edge_llm_gym.rendering.batching.view_builder import pooled_view
from edge_llm_gym.rendering.continuous_batching.sequences import Sequences, sequences_of
from edge_llm_gym.rendering.continuous_batching.view import (
    ContinuousLastEpoch,
    ContinuousNodeView,
    ContinuousTotals,
    ContinuousView,
    SequenceView,
)
from edge_llm_gym.rendering.outcomes import COMPUTED
from edge_llm_gym.scenario.metrics import COLUMN
from edge_llm_gym.sim.pooled.continuous.observation import ContinuousObserver
from edge_llm_gym.sim.pooled.observation import FREE_KV_BYTES, TIME_UNTIL_FREE
from edge_llm_gym.sim.pooled.records import PooledResult
from edge_llm_gym.sim.simulator import Simulator

WINDOW_EPOCHS = 3
"""Epochs for which a sequence is shown after its end."""


def continuous_view(simulator: Simulator, row: int, result: PooledResult | None) -> ContinuousView:
    """A row now. `result` is what the last step returned; before the first epoch of an episode it is ignored."""
    base = pooled_view(simulator, row, result, node_views)
    nodes = simulator.state.nodes
    running = int((nodes.running[row] + nodes.admitted[row] - nodes.prefilled[row]).sum())
    last = None if base.last is None or result is None else _last_epoch(base.last, row, result)
    totals = ContinuousTotals(**vars(base.totals), running=running)
    return ContinuousView(**vars(base) | {"totals": totals, "last": last})


def _last_epoch(base: LastEpoch, row: int, result: PooledResult) -> ContinuousLastEpoch:
    ended = {name: round(result.metrics[row, COLUMN[name]]) for name in COMPUTED}
    return ContinuousLastEpoch(**vars(base), ended=ended)


def node_views(simulator: Simulator, row: int, time_s: float) -> tuple[ContinuousNodeView, ...]:
    """The nodes of a row whose current decision time is `time_s`."""
    observed, sequences = ContinuousObserver(simulator).observe()["nodes"][row], sequences_of(simulator, row)
    return tuple(_node(simulator, row, index, observed[index], sequences, time_s) for index in range(simulator.nodes))


def _node(
    simulator: Simulator, row: int, index: int, observed: list[float], sequences: Sequences, time_s: float
) -> ContinuousNodeView:
    scenario, nodes = simulator.scenario, simulator.state.nodes
    capacity_bytes = float(simulator.parameters.kv_capacity_bytes[index])
    free_bytes, busy_epochs = float(observed[FREE_KV_BYTES]) * capacity_bytes, float(observed[TIME_UNTIL_FREE])
    uplink_ends_s = time_s + scenario.uplink_slot_s
    return ContinuousNodeView(
        **usable_node(simulator, index),
        kv_bytes=capacity_bytes - free_bytes,
        free_bytes=free_bytes,
        freed_bytes=0.0,
        free_at_s=uplink_ends_s + busy_epochs * scenario.epoch_s if busy_epochs > 0 else 0.0,
        batches=(),
        sequences=_shown(sequences, index, time_s, WINDOW_EPOCHS * scenario.epoch_s),
        running=int(nodes.running[row, index]),
        waiting=int(nodes.admitted[row, index] - nodes.prefilled[row, index]),
    )


def _shown(sequences: Sequences, node: int, now_s: float, window_s: float) -> tuple[SequenceView, ...]:
    """The sequences of a node that ran within the window before now."""
    return tuple(
        SequenceView(float(sequences.begin_s[index]), min(float(sequences.end_s[index]), now_s), outcome)
        for index, outcome in enumerate(sequences.outcome)
        if sequences.node[index] == node and sequences.end_s[index] > now_s - window_s
    )
