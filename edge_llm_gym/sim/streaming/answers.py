"""Answers of the requests of an epoch: response delay, quality, outcome and metrics."""

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.compiled import kernel
from edge_llm_gym.scenario.metrics import STREAMING_COLUMN, STREAMING_METRICS
from edge_llm_gym.sim.columns import DOWNLINK
from edge_llm_gym.sim.exits import relative_accuracy
from edge_llm_gym.sim.links import radio_s
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED, outcome_of
from edge_llm_gym.sim.streaming.records import StreamingParameters, StreamingState, StreamingTape

DELAY, QUALITY, RESPONSE = STREAMING_COLUMN["delay_s"], STREAMING_COLUMN["quality"], STREAMING_COLUMN["response_s"]
ARRIVED_VALUE = STREAMING_COLUMN["arrived_value"]
CORRECT, FULL_CORRECT = STREAMING_COLUMN["correct"], STREAMING_COLUMN["full_correct"]
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
    """Adds the requests first..last - 1 to metrics [M]: downlink, outcome and exit of each.

    Answers return over the radio of the request's entry node. The quality of an answer is f times `relative_accuracy`,
    at most 1, where f is the lowest quality factor of the nodes on the request's path.
    """
    requests, log, network = tape.requests, state.requests, parameters.network
    for request in range(first, last):
        device, node, stage = requests.device[row, request], log.node[row, request, 0] - 1, 0
        entry = parameters.entry_index[node]
        efficiency = tape.channels.spectral_efficiency[row, state.epoch[row], device, entry, DOWNLINK]
        back_s = radio_s(requests.bits[row, request, DOWNLINK], parameters.band_hz[node, DOWNLINK], efficiency)
        block = log.exit_block[row, request] - 1
        factor = parameters.quality[node]
        while network.last_block[node] < block and stage < log.node.shape[2] - 1:
            stage += 1
            node = log.node[row, request, stage] - 1
            factor = min(factor, parameters.quality[node])
        answered_s = log.finish_s[row, request, stage] + log.round_trip_s[row, request] + back_s
        arrival_s, value = requests.arrival_s[row, request], requests.value[row, request]
        delay_s = answered_s - arrival_s
        accuracy = relative_accuracy(parameters.exits, block, threshold[node])
        quality = min(factor * accuracy, 1.0)
        deadline_s, demand = requests.deadline_s[row, request], requests.quality_demand[row, request]
        outcome = outcome_of(answered_s, deadline_s, quality, demand)
        log.outcome[row, request], log.delay_s[row, request] = outcome, delay_s
        log.answered_s[row, request] = arrival_s + delay_s
        if outcome == SERVED:
            metrics[DELAY] += delay_s
            metrics[QUALITY] += quality
        metrics[COUNT_OF[outcome]] += 1
        metrics[VALUE_OF[outcome]] += value
        metrics[ARRIVED_VALUE] += value
        metrics[RESPONSE] += delay_s
        metrics[CORRECT] += factor * tape.exits.correct[row, request, block]
        metrics[FULL_CORRECT] += tape.exits.correct[row, request, -1]
        metrics[FIRST_EXIT + block] += 1
