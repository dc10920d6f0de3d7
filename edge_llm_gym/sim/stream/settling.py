"""What becomes of the requests of an epoch once they have left the network: delay, quality, outcome."""

import numpy as np

from edge_llm_gym.compiled import kernel
from edge_llm_gym.sim.exits import expected_accuracy
from edge_llm_gym.sim.links import radio_s
from edge_llm_gym.sim.metrics import STREAM_COLUMN, STREAM_METRICS
from edge_llm_gym.sim.outcome import outcome_of
from edge_llm_gym.sim.state import DOWNLINK, LATE, POOR, SERVED, Array
from edge_llm_gym.sim.stream.state import StreamParameters, StreamState, StreamTape

DELAY, QUALITY, RESPONSE = STREAM_COLUMN["delay_s"], STREAM_COLUMN["quality"], STREAM_COLUMN["response_s"]
ARRIVED_VALUE, CORRECT = STREAM_COLUMN["arrived_value"], STREAM_COLUMN["correct"]
FIRST_EXIT = len(STREAM_METRICS)
COUNT_OF = np.zeros(POOR + 1, np.int64)
COUNT_OF[[SERVED, LATE, POOR]] = STREAM_COLUMN["served"], STREAM_COLUMN["late"], STREAM_COLUMN["poor"]
VALUE_OF = np.zeros(POOR + 1, np.int64)
VALUE_OF[[SERVED, LATE, POOR]] = (
    STREAM_COLUMN["served_value"],
    STREAM_COLUMN["late_value"],
    STREAM_COLUMN["poor_value"],
)


@kernel
def settle(
    parameters: StreamParameters,
    tape: StreamTape,
    state: StreamState,
    row: int,
    first: int,
    last: int,
    threshold: Array,
    metrics: Array,
) -> None:
    """Adds the requests `first` to `last` (exclusive) to metrics [M]: their way back, their outcome, their exit.

    Answers go back over the radio of the nodes where the requests came in. The quality offered is f times
    `expected_accuracy`, at most 1; the quality factor f of a way is the lowest among the nodes on it.
    """
    visited, exit_block, finish_s = state.node[row], state.exit_block[row], state.finish_s[row]
    outcomes, delays_s = state.outcome[row], state.delay_s[row]
    arrival_s, deadline_s, demand = tape.arrival_s[row], tape.deadline_s[row], tape.accuracy[row]
    value, correct, device, bits = tape.value[row], tape.correct[row], tape.device[row], tape.bits[row]
    efficiency, station = tape.spectral_efficiency[row, state.epoch[row]], parameters.station
    band_hz, qualities, last_block = parameters.band_hz, parameters.quality, parameters.last_block
    sorted_confidence, tail_accuracy = parameters.sorted_confidence, parameters.tail_accuracy
    for request in range(first, last):
        node, stage = visited[request, 0] - 1, 0
        back_efficiency = efficiency[device[request], station[node], DOWNLINK]
        back_s = radio_s(bits[request, DOWNLINK], band_hz[node, DOWNLINK], back_efficiency)
        block = exit_block[request] - 1
        factor = qualities[node]
        while last_block[node] < block:
            stage += 1
            node = visited[request, stage] - 1
            factor = min(factor, qualities[node])
        answered_s = finish_s[request, stage] + back_s
        delay_s = answered_s - arrival_s[request]
        accuracy = expected_accuracy(sorted_confidence, tail_accuracy, block, threshold[node])
        quality = min(factor * accuracy, 1.0)
        outcome = outcome_of(answered_s, deadline_s[request], quality, demand[request])
        outcomes[request], delays_s[request] = outcome, delay_s
        if outcome == SERVED:
            metrics[DELAY] += delay_s
            metrics[QUALITY] += quality
        metrics[COUNT_OF[outcome]] += 1
        metrics[VALUE_OF[outcome]] += value[request]
        metrics[ARRIVED_VALUE] += value[request]
        metrics[RESPONSE] += delay_s
        metrics[CORRECT] += factor * correct[request, block]
        metrics[FIRST_EXIT + block] += 1
