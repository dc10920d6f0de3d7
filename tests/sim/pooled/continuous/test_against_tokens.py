"""Continuous batching agrees with a re-simulation token by token, and with static batching for one sequence."""

import numpy as np
import pytest

from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import CONTINUOUS_COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, RUNNING, SERVED
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import costs_of_tape
from tests.sim.pooled.continuous.episodes import CONTINUOUS, random_episode

WIDE = {"nodes.0.uplink_hz": 1e9, "nodes.1.uplink_hz": 1e9, "nodes.0.downlink_hz": 1e9, "nodes.1.downlink_hz": 1e9}
TIGHT = {f"nodes.{node}.{band}": 1e9 for node in range(4) for band in ("uplink_hz", "downlink_hz")} | {
    "nodes.0.memory_fraction": 0.385,
    "nodes.1.memory_fraction": 0.235,
    "nodes.2.memory_fraction": 0.092,
    "nodes.3.memory_fraction": 0.092,
}
CALM = {"requests.budget_s": [60.0, 90.0], "horizon_epochs": 40}
CASES = {
    "as shipped": {"horizon_epochs": 40},
    "long queues": WIDE | CALM | {"arrivals": {"process": "poisson", "rate_per_s": 6.0}},
    "prefills longer than an epoch": WIDE | CALM | {"epoch_s": 1.0, "uplink_slot_s": 0.2, "downlink_slot_s": 0.2},
    "no shared time": WIDE | CALM | {"cost": "compute"},
    "padded prompts": CALM | {"pad_prompts": True, "lengths.max_prompt_tokens": 2048},
    "predictions": {
        "horizon_epochs": 60,
        "lengths.prediction.sigma": 0.8,
        "requests.bits_per_token": 1e4,
        "nodes.0.uplink_hz": 1e9,
        "nodes.1.uplink_hz": 1e9,
    },
    "evictions": TIGHT
    | CALM
    | {"lengths.prediction.sigma": 1.0, "arrivals": {"process": "poisson", "rate_per_s": 8.0}},
    "short answers": WIDE | CALM | {"lengths.max_output_tokens": 2},
}


def assert_same_times(simulator, episode) -> None:
    """Begins, first tokens and ends agree to float rounding; so do the sequences that are still on the nodes."""
    log, sequences, arrival_s = (
        simulator.state.requests,
        simulator.state.sequences,
        simulator.tape.requests.arrival_s[0],
    )
    for request, one in episode.sequences.items():
        if one.first_token_s is not None:
            assert sequences.first_token_s[0, request] == pytest.approx(one.first_token_s, abs=1e-7)
        if one.end_s is not None:
            assert log.finish_s[0, request, 0] == pytest.approx(one.end_s, abs=1e-7)
            answered_s = 0.0 if one.evicted else one.end_s + episode.answer_s[request] - arrival_s[request]
            assert log.latency_s[0, request] == pytest.approx(answered_s, abs=1e-7)
            assert log.outcome[0, request] == LATE or not one.evicted
        assert (log.outcome[0, request] == RUNNING) == (one.end_s is None)


@pytest.mark.parametrize("case", CASES)
def test_every_time_agrees_with_tokens_one_by_one(case):
    refused = 0
    for simulator, episode, _ in random_episode(3, CASES[case]):
        assert_same_times(simulator, episode)
        nodes = simulator.state.nodes
        for node, its in enumerate(episode.nodes):
            assert nodes.running[0, node] == len(its.running)
            assert nodes.held_tokens[0, node] == sum(one.held for one in its.running)
            assert nodes.admitted[0, node] - nodes.prefilled[0, node] == len(its.waiting)
            assert nodes.boundary_s[0, node] == pytest.approx(its.time_s, abs=1e-7)
        refused += episode.refused
    assert len(episode.left) > 50
    evicted = sum(one.evicted for one in episode.left.values())
    assert evicted == simulator.state.totals[0, CONTINUOUS_COLUMN["evicted"]]
    assert (evicted > 3) == (case == "evictions")
    stretched = [one for one in episode.left if episode.answer_s[one] > simulator.scenario.downlink_slot_s]
    assert bool(stretched) == (case == "predictions")
    assert refused > 0 or case in {"short answers", "no shared time", "predictions"}


@pytest.mark.parametrize("case", ["as shipped", "evictions"])
def test_metrics_agree_with_tokens_one_by_one(case):
    scale = dict.fromkeys(("first_tokens", "ttft_s", "decoded", "tpot_s", "delay_s", "utilisation", "evicted"), 0.0)
    for simulator, episode, result in random_episode(5, CASES[case]):  # noqa: B007 - the last one is used
        for name in scale:
            scale[name] += result.metrics[0, CONTINUOUS_COLUMN[name]]
    arrival_s = simulator.tape.requests.arrival_s[0]
    evicted = [one for one in episode.left.values() if one.evicted]
    first = [one for one in episode.sequences.values() if one.first_token_s is not None]
    decoded = [one for one in episode.left.values() if one.output > 1 and not one.evicted]
    outcome = simulator.state.requests.outcome[0]
    served = [one for one in episode.left.values() if outcome[one.name] == SERVED]
    end_s = (simulator.scenario.horizon_epochs + 1) * simulator.scenario.epoch_s
    busy_s = sum(min(end, end_s) - begin for node in episode.nodes for begin, end in node.busy)
    in_progress_s = sum(end_s - node.time_s for node in episode.nodes if node.running or node.waiting)
    expected = {
        "first_tokens": len(first),
        "ttft_s": sum(one.first_token_s - arrival_s[one.name] for one in first),
        "decoded": len(decoded),
        "tpot_s": sum((one.end_s - one.first_token_s) / (one.output - 1) for one in decoded),
        "evicted": len(evicted),
        "delay_s": sum(one.end_s + episode.answer_s[one.name] - arrival_s[one.name] for one in served),
        "utilisation": (busy_s + in_progress_s) / (simulator.scenario.epoch_s * simulator.nodes),
    }
    assert scale == pytest.approx(expected)
    assert np.isin(outcome[[one.name for one in episode.left.values()]], (SERVED, LATE, BELOW_QUALITY)).all()


def test_one_sequence_takes_as_long_as_a_static_batch_of_one():
    """One request per node and a long epoch: latencies of both kinds of batching agree."""
    calm = WIDE | {"requests.budget_s": [60.0, 90.0], "epoch_s": 60.0, "horizon_epochs": 20}
    runs = {}
    for name, settings in (("static", {}), ("continuous", CONTINUOUS)):
        simulator = Simulator(load_scenario("multi-node", calm | settings))
        simulator.reset(0, np.random.default_rng(7))
        for epoch in range(20):
            batch = np.zeros((1, simulator.scenario.slots), np.int64)
            batch[0, :2] = (epoch % 2) + 1, 2 - (epoch % 2)
            simulator.step(batch, np.ones((1, simulator.scenario.slots, 2)))
        runs[name] = simulator
    latency_s = [runs[name].state.requests.latency_s[0] for name in ("static", "continuous")]
    assert (latency_s[0] > 0).sum() > 30
    np.testing.assert_allclose(latency_s[1], latency_s[0], rtol=1e-12)


def test_a_batch_on_an_idle_node_ends_no_later_than_the_static_one():
    """The last sequence of a batch ends with the static batch, T(S) = sum of w + max of v, and the others before it."""
    light = {"requests.uplink_payload": {}, "requests.downlink_payload": {}, "requests.bits_per_token": 0.0}
    calm = light | {"requests.budget_s": [300.0, 300.0], "epoch_s": 200.0, "horizon_epochs": 3, "slots": 16}
    simulator = Simulator(load_scenario("multi-node", calm | CONTINUOUS))
    simulator.reset(0, np.random.default_rng(2))
    batch = 1 + np.arange(simulator.scenario.slots)[None] % simulator.nodes
    simulator.step(batch, np.ones((*batch.shape, 2)))
    work_s, shared_s, _ = costs_of_tape(simulator)
    node, finish_s = simulator.state.requests.node[0, :, 0], simulator.state.requests.finish_s[0, :, 0]
    for index in range(simulator.nodes):
        members = np.flatnonzero(node == index + 1)
        start_s = simulator.scenario.epoch_s + simulator.scenario.uplink_slot_s
        longest_s = work_s[members, index].sum() + shared_s[members, index].max()
        assert members.size > 1
        assert finish_s[members].max() - start_s == pytest.approx(longest_s)
