"""Memory that the processor loads ahead, of the row that is stepped or observed next, and of its admitted requests.

Where the fields of a request lie stands in `sim.pooled.records`: one block of numbers spans three cache lines.
"""

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.prefetch import prefetch
from edge_llm_gym.sim.pooled.clock import visible_count
from edge_llm_gym.sim.pooled.records import PooledTape, QueueState, RequestLog
from edge_llm_gym.sim.prefetching import prefetch_channels
from edge_llm_gym.sim.records import ExitTape


@kernel
def prefetch_step(tape: PooledTape, queue: QueueState, slots: int, epoch: Array, row: int) -> None:
    """The channels, and of the visible requests what admission, costs and expiry read."""
    prefetch_channels(tape.channels.spectral_efficiency, row, epoch[row])
    arrival_s, drivers, latest_start_s = tape.requests.arrival_s, tape.cost_drivers, tape.latest_start_s
    last_node = latest_start_s.shape[2] - 1
    for slot in range(visible_count(slots, queue, row)):
        request = queue.request[row, slot]
        prefetch(arrival_s, (row, request))
        prefetch(drivers, (row, request, 0))
        prefetch(latest_start_s, (row, request, last_node))


@kernel
def prefetch_observation(tape: PooledTape, queue: QueueState, slots: int, epoch: Array, row: int) -> None:
    """The channels, and of the visible requests what is observed."""
    prefetch_channels(tape.channels.spectral_efficiency, row, epoch[row])
    for slot in range(visible_count(slots, queue, row)):
        prefetch(tape.requests.arrival_s, (row, queue.request[row, slot]))


@kernel
def prefetch_confidences(exits: ExitTape, queue: Array, row: int, visible: int) -> None:
    """Of the visible requests of a queue, the confidences, which decide where they exit."""
    for slot in range(visible):
        prefetch(exits.confidence, (row, queue[slot], 0))


@kernel
def prefetch_passage(exits: ExitTape, log: RequestLog, queue: Array, row: int, slots: Array) -> None:
    """Of the admitted requests in some slots of a queue, what they carry through the stages, and their logs."""
    for slot in slots:
        request = queue[slot]
        prefetch(exits.route, (row, request, 0))
        prefetch(exits.correct, (row, request, 0))
        prefetch(log.node, (row, request, 0))
        prefetch(log.finish_s, (row, request, 0))
