"""Memory that the processor loads ahead: of the row that is stepped or observed next.

Where the fields of a request lie stands in `sim.streaming.records`: one block of numbers spans three cache lines.
"""

from edge_llm_gym.compiled import kernel
from edge_llm_gym.compiled.prefetch import prefetch
from edge_llm_gym.sim.exit_observation import SEEN_EPOCHS
from edge_llm_gym.sim.prefetching import MOST_LOADED, prefetch_channels
from edge_llm_gym.sim.streaming.records import StreamingState, StreamingTape


@kernel
def prefetch_step(tape: StreamingTape, state: StreamingState, row: int) -> None:
    """Of as many requests as arrived in the last epoch, what the tape holds; the channels and the idle intervals."""
    epoch, first, servers = state.epoch[row], state.next_arrival[row], state.servers
    prefetch_channels(tape.channels.spectral_efficiency, row, epoch)
    expected = min(first - state.first_of_epoch[row, max(epoch - 1, 0)], MOST_LOADED)
    for request in range(first, min(first + expected, tape.requests.length[row])):
        prefetch(tape.requests.arrival_s, (row, request))
        prefetch(tape.service_s, (row, request, 0))
        prefetch(tape.exits.round_trips, (row, request))
        prefetch(tape.exits.confidence, (row, request, 0))
        prefetch(state.requests.reach_s, (row, request, 0))
        prefetch(state.requests.start_s, (row, request, 0))
        prefetch(state.requests.finish_s, (row, request, 0))
    for node in range(servers.idle_first.shape[1]):
        prefetch(servers.idle_s, (row, servers.idle_first[row, node], node, 0))


@kernel
def prefetch_observation(tape: StreamingTape, state: StreamingState, row: int) -> None:
    """The channels, and the logs of the requests whose confidences are counted."""
    epoch, log = state.epoch[row], state.requests
    prefetch_channels(tape.channels.spectral_efficiency, row, epoch)
    oldest = state.first_of_epoch[row, max(epoch - SEEN_EPOCHS, 0)]
    for request in range(oldest, min(oldest + MOST_LOADED, state.next_arrival[row]), 2):  # two share cache lines
        prefetch(log.finish_s, (row, request, 0))
        prefetch(tape.exits.confidence, (row, request, 0))
    prefetch(log.node, (row, oldest, 0))
    prefetch(log.exit_block, (row, oldest))
