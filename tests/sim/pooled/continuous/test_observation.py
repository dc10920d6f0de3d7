"""The observed load of the nodes, from a re-simulation token by token."""

import copy

import numpy as np
import pytest

from edge_llm_gym.sim.pooled.continuous.observation import ContinuousObserver
from edge_llm_gym.sim.pooled.observation import CONTINUOUS_NODE_FEATURES, NODE_FEATURES
from tests.sim.pooled.continuous.episodes import random_episode

COLUMN = {name: index for index, name in enumerate(CONTINUOUS_NODE_FEATURES)}
BUSY = {
    "arrivals": {"process": "poisson", "rate_per_s": 5.0},
    "nodes.0.uplink_hz": 1e9,
    "nodes.1.uplink_hz": 1e9,
    "horizon_epochs": 40,
}


def steps_left(sequence, predicted: int) -> int:
    """As predicted; a sequence that runs has one step left at least."""
    return max(predicted - sequence.tokens, 1) if sequence.tokens else predicted - 1


def work_left_s(node, sequence, predicted: int) -> float:
    """Prefill, if it has not ended, and every decode step by itself; without the shared time."""
    held = sequence.held or sequence.prompt + 1
    steps = [node.sequence_s + node.context_s * (held + step) for step in range(steps_left(sequence, predicted))]
    return sum(steps) + (0.0 if sequence.tokens else sequence.prefill_s)


@pytest.mark.parametrize("overrides", [BUSY, BUSY | {"lengths.prediction.sigma": 0.6}], ids=["known", "predicted"])
def test_load_of_the_nodes_agrees_with_tokens_one_by_one(overrides):
    seen = np.zeros(3, np.int64)
    for simulator, episode, _ in random_episode(1, overrides):
        scenario, nodes = simulator.scenario, ContinuousObserver(simulator).observe()["nodes"][0]
        uplink_ends_s = (simulator.state.epoch[0] + 1) * scenario.epoch_s + scenario.uplink_slot_s
        for index, node in enumerate(episode.nodes):
            observed = {name: float(nodes[index, column]) for name, column in COLUMN.items()}
            sequences = [*node.running, *node.waiting]
            predicted = {one.name: int(episode.request("predicted_tokens", one.name)) for one in sequences}
            work_s = sum(work_left_s(node, one, predicted[one.name]) for one in sequences)
            alone = copy.deepcopy(node)
            alone.capacity_tokens = np.inf
            for one in (*alone.running, *alone.waiting):
                one.output = max(predicted[one.name], one.tokens + 1)
            free_s = max((one.end_s for one in alone.run(np.inf)), default=0.0)
            assert observed["remaining_work"] * scenario.epoch_s == pytest.approx(work_s, rel=1e-5, abs=1e-9)
            busy_s = max(free_s - uplink_ends_s, 0.0)
            assert observed["time_until_free"] * scenario.epoch_s == pytest.approx(busy_s, rel=1e-5, abs=1e-4)
            assert observed["sequences"] == pytest.approx(len(sequences) / scenario.slots)
            reserved = sum(episode.reserved(one.name) for one in sequences)
            assert observed["free_kv_bytes"] == pytest.approx(1.0 - reserved / node.capacity_tokens, abs=1e-6)
            slack_s = []
            for one in sequences:
                latest_s = episode.request("deadline_s", one.name) - scenario.downlink_slot_s
                slack_s.append(latest_s - node.time_s - work_s - steps_left(one, predicted[one.name]) * node.step_s)
            limits = [one for one in slack_s if one >= 0] + [scenario.max_budget_s]
            assert observed["slack"] * scenario.max_budget_s == pytest.approx(min(limits), abs=1e-4)
            seen += len(sequences) > 0, len(limits) > 1, any(one < 0 for one in slack_s)
    assert (seen > 10).all(), "the cases must occur"


def test_the_first_features_are_those_of_static_batching():
    assert CONTINUOUS_NODE_FEATURES[: len(NODE_FEATURES)] == NODE_FEATURES
