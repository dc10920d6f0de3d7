"""What a scheduler expects of the batches of earlier epochs if output lengths are predicted.

Everything that is observed, masked, admitted or expired rests on predictions and on what has happened by the decision
time: which batches have begun and ended. `predictions` is None if lengths are known; numba compiles nothing of it then.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.pooled.records import BatchLog, PredictionLog


@kernel
def held_bytes(kv_bytes: Array, batches: BatchLog, row: int, node: int, epoch: int, at_s: float) -> float:
    """KV caches kv_bytes [R, K, H] of earlier epochs' batches that are unfinished at `at_s`, waiting ones included."""
    held = 0.0
    for begun in range(batches.oldest[row, node], epoch):
        if batches.end_s[row, node, begun] > at_s:
            held += kv_bytes[row, node, begun]
    return held


@kernel
def expected_free_s(predictions: PredictionLog | None, node_free_s: Array, row: int, node: int) -> float:
    """When a node's last batch ends, as far as it is known at the decision time; node_free_s [R, K] holds the truth."""
    if predictions is not None:
        return predictions.node_free_s[row, node]
    return node_free_s[row, node]


@kernel
def clear_predictions(predictions: PredictionLog | None, row: int) -> None:
    """Sets the log of a row to the start of an episode."""
    if predictions is not None:
        predictions.duration_s[row] = 0.0
        predictions.used_bytes[row] = 0.0
        predictions.expired_epoch[row] = -1


@kernel
def update_expectations(
    predictions: PredictionLog | None, batches: BatchLog, row: int, epoch: int, now_s: float, at_s: float
) -> None:
    """Expectations at the decision time `now_s`, whose uplink slot ends at `at_s`.

    A batch that has begun lasts as predicted from its true start. One that is overdue is expected to be so for as long
    again, and its memory counts as held until it has ended. One that waits starts when it is expected to be ready and
    the batches before it to have ended.
    """
    if predictions is not None:
        for node in range(batches.oldest.shape[1]):
            free_s, held = now_s, 0.0
            for begun in range(batches.oldest[row, node], epoch):
                if batches.end_s[row, node, begun] <= now_s:
                    continue
                has_begun = batches.begin_s[row, node, begun] <= now_s
                start_s = max(predictions.ready_s[row, node, begun], free_s)
                if has_begun:
                    start_s = batches.begin_s[row, node, begun]
                end_s = start_s + predictions.duration_s[row, node, begun]
                free_s = end_s if end_s > now_s else 2.0 * now_s - end_s
                if end_s > at_s or end_s <= now_s:
                    held += batches.kv_bytes[row, node, begun]
            predictions.node_free_s[row, node], predictions.held_bytes[row, node] = free_s, held


@kernel
def log_expiry(predictions: PredictionLog | None, row: int, request: int, epoch: int) -> None:
    """Writes down the epoch before whose decision a request expired."""
    if predictions is not None:
        predictions.expired_epoch[row, request] = epoch
