"""Decision times and the visible part of the queue."""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.pooled.records import QueueState


@kernel
def decision_time_s(epoch_s: float, epoch: int) -> float:
    """Start of epoch `epoch`: (epoch + 1) epoch_s, so that the first decision already sees an epoch's arrivals."""
    return (epoch + 1) * epoch_s


@kernel
def visible_count(slots: int, queue: QueueState, row: int) -> int:
    """Number of pending requests that have a slot."""
    return min(slots, queue.length[row])
