"""What becomes of the requests of an epoch once they have left the network: delay, quality, outcome."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN, STREAMING_METRICS
from edge_llm_gym.sim.columns import DOWNLINK
from edge_llm_gym.sim.exits import expected_accuracy
from edge_llm_gym.sim.links import radio_s
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED, outcome_of
from edge_llm_gym.sim.streaming.records import StreamingParameters, StreamingState, StreamingTape

DELAY, QUALITY, RESPONSE = STREAMING_COLUMN["delay_s"], STREAMING_COLUMN["quality"], STREAMING_COLUMN["response_s"]
ARRIVED_VALUE, CORRECT = STREAMING_COLUMN["arrived_value"], STREAMING_COLUMN["correct"]
FIRST_EXIT = len(STREAMING_METRICS)
COUNT_OF = np.zeros(BELOW_QUALITY + 1, np.int64)
COUNT_OF[[SERVED, LATE, BELOW_QUALITY]] = (
    STREAMING_COLUMN["served"],
    STREAMING_COLUMN["late"],
    STREAMING_COLUMN["below_quality"],
)
VALUE_OF = np.zeros(BELOW_QUALITY + 1, np.int64)
VALUE_OF[[SERVED, LATE, BELOW_QUALITY]] = (
    STREAMING_COLUMN["served_value"],
    STREAMING_COLUMN["late_value"],
    STREAMING_COLUMN["below_quality_value"],
)


@kernel
def finalize_outcomes(
    parameters: StreamingParameters,
    tape: StreamingTape,
    state: StreamingState,
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
    for request in range(first, last):
        device, node, stage = tape.device[row, request], state.node[row, request, 0] - 1, 0
        efficiency = tape.spectral_efficiency[row, state.epoch[row], device, parameters.station[node], DOWNLINK]
        back_s = radio_s(tape.bits[row, request, DOWNLINK], parameters.band_hz[node, DOWNLINK], efficiency)
        block = state.exit_block[row, request] - 1
        factor = parameters.quality[node]
        while parameters.last_block[node] < block:
            stage += 1
            node = state.node[row, request, stage] - 1
            factor = min(factor, parameters.quality[node])
        answered_s = state.finish_s[row, request, stage] + back_s
        delay_s, value = answered_s - tape.arrival_s[row, request], tape.value[row, request]
        accuracy = expected_accuracy(parameters.sorted_confidence, parameters.tail_accuracy, block, threshold[node])
        quality = min(factor * accuracy, 1.0)
        outcome = outcome_of(answered_s, tape.deadline_s[row, request], quality, tape.accuracy[row, request])
        state.outcome[row, request], state.delay_s[row, request] = outcome, delay_s
        if outcome == SERVED:
            metrics[DELAY] += delay_s
            metrics[QUALITY] += quality
        metrics[COUNT_OF[outcome]] += 1
        metrics[VALUE_OF[outcome]] += value
        metrics[ARRIVED_VALUE] += value
        metrics[RESPONSE] += delay_s
        metrics[CORRECT] += factor * tape.correct[row, request, block]
        metrics[FIRST_EXIT + block] += 1
