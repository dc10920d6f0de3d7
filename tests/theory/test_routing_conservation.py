"""The conservation law, and whole episodes of batching-and-routing dynamics, acted out once more in plain Python."""

import numpy as np
import pytest

from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.scenario.metrics import ROUTING_COLUMN, ROUTING_METRICS
from edge_llm_gym.sim.outcomes import (
    BELOW_QUALITY,
    EXPIRED,
    LATE,
    REFUSED_DOWNLINK,
    REFUSED_MEMORY,
    REFUSED_UPLINK,
    SERVED,
    WAITING,
)
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled.resimulation import Resimulation, tape_of
from tests.sim.pooled.routing_by_hand import HARSH, random_action
from tests.sim.totals_by_hand import LEVELS, MEANS

EARLY_EXIT = load_scenario("early-exit").model_dump(mode="json", exclude_unset=True)
THREE_STAGES = EARLY_EXIT | {
    "dynamics": "batching_routing",
    "epoch_s": 4.0,
    "uplink_slot_s": 0.4,
    "downlink_slot_s": 0.4,
    "slots": 24,
    "horizon_epochs": 60,
    "reward": {"served_value": 1.0, "late": -0.5},
    "exits": {"profile": "parametric", "blocks": [8, 8, 8, 8]},
    "requests": EARLY_EXIT["requests"] | {"accuracy": [0.3, 1.0]},
    "nodes": [
        node | {"slowdown": None, "quantization": ("w4a16-gptq", "w8a16", "w3a16-gptq")[index % 3]}
        for index, node in enumerate(EARLY_EXIT["nodes"])
    ],
}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return Simulator(load_scenario("joint", HARSH), rows=20)


def test_ten_thousand_random_actions_conserve_requests(simulator):
    rng, seen = np.random.default_rng(0), np.zeros(6)
    for _ in range(5):
        for row in range(simulator.rows):
            simulator.reset(row, rng)
        while not simulator.ended().any():
            before = simulator.state.totals.copy()
            result = simulator.step(*random_action(rng, simulator))
            assert simulator.conserves()
            assert (result.metrics >= 0).all()
            flows = [name not in LEVELS | MEANS.keys() for name in simulator.scenario.metrics]
            np.testing.assert_allclose((simulator.state.totals - before)[:, flows], result.metrics[:, flows])
            check_metrics(result.metrics)
        for row in range(simulator.rows):
            seen += np.bincount(simulator.state.requests.outcome[row], minlength=6)
            check_exits(simulator, row)
            check_batches(simulator, row)
    assert (seen[[WAITING, SERVED, LATE, BELOW_QUALITY, EXPIRED]] > 100).all(), "the actions must reach every outcome"


def check_metrics(metrics) -> None:
    """Counts of one epoch add up, row by row."""
    count = {name: metrics[:, column] for name, column in ROUTING_COLUMN.items()}
    refused = count["refused_uplink"] + count["refused_downlink"] + count["refused_memory"]
    assert (count["requested"] == refused + count["admitted"]).all()
    assert (count["admitted"] == count["served"] + count["late"] + count["below_quality"]).all()
    exits = metrics[:, len(ROUTING_METRICS) :]
    assert (count["admitted"] == exits.sum(axis=1)).all(), "every admitted request leaves by one exit"
    assert (count["forwarded"] >= exits[:, 2:].sum(axis=1)).all()
    assert (count["correct"] <= count["admitted"]).all()
    assert (count["utilisation"] <= 1.0 + 1e-12).all()


def check_exits(simulator: Simulator, row: int) -> None:
    """Exactly the admitted requests have visited one node of each stage up to the stage of their exit."""
    network, state, size = simulator.scenario.network, simulator.state, simulator.tape.requests.length[row]
    node, block = state.requests.node[row, :size] - 1, state.requests.exit_block[row, :size] - 1
    computed = np.isin(state.requests.outcome[row, :size], (SERVED, LATE, BELOW_QUALITY))
    np.testing.assert_array_equal(block >= 0, computed)
    np.testing.assert_array_equal(node[:, 0] >= 0, computed)
    np.testing.assert_array_equal(state.requests.node[..., 0][row, :size], node[:, 0] + 1)
    went_on = node[:, 1] >= 0
    assert network.has_link[node[went_on, 0], node[went_on, 1]].all()
    last = node[np.arange(size), (node >= 0).sum(axis=1) - 1][computed]
    assert ((network.first_block[last] <= block[computed]) & (block[computed] <= network.last_block[last])).all()
    done = state.admissions.until[row, simulator.scenario.horizon_epochs]
    assert sorted(state.admissions.request[row, :done]) == np.flatnonzero(computed).tolist()
    finish_s = state.requests.finish_s[row, :size]
    assert (finish_s[went_on, 1] > finish_s[went_on, 0]).all()


def check_batches(simulator: Simulator, row: int) -> None:
    """Batches on a node follow one another, and no entry node holds more in memory than there is room for."""
    state, capacity_bytes = simulator.state, simulator.parameters.kv_capacity_bytes
    network = simulator.scenario.network
    for node in range(simulator.nodes):
        ran = np.isfinite(state.batches.begin_s[row, node])
        begin_s, end_s = state.batches.begin_s[row, node, ran], state.batches.end_s[row, node, ran]
        kv_bytes = state.batches.kv_bytes[row, node]
        assert (begin_s[1:] >= end_s[:-1]).all()
        assert (end_s > begin_s).all()
        assert network.stage[node] > 0 or (kv_bytes <= capacity_bytes[node]).all()
        assert ((kv_bytes > 0) == ran).all()
    for epoch in range(simulator.scenario.horizon_epochs):
        uplink_ends_s = (epoch + 1) * simulator.scenario.epoch_s + simulator.scenario.uplink_slot_s
        unfinished = state.batches.end_s[row, :, :epoch] > uplink_ends_s
        held = (state.batches.kv_bytes[row, :, :epoch] * unfinished).sum(axis=1) + state.batches.kv_bytes[row, :, epoch]
        entry = simulator.scenario.network.entry_nodes
        joined = state.batches.kv_bytes[row, entry, epoch] > 0
        assert (held[entry][joined] <= capacity_bytes[entry][joined] * (1 + 1e-12)).all()


@pytest.mark.parametrize(
    "scenario", [load_scenario("joint", HARSH), load_scenario(THREE_STAGES)], ids=["two stages", "three"]
)
def test_whole_episodes_acted_out_in_plain_python_agree(scenario):
    simulator, rng = Simulator(scenario, rows=3), np.random.default_rng(0)
    for row in range(3):
        simulator.reset(row, rng)
    plays = [Resimulation(scenario, tape_of(simulator, row)) for row in range(3)]
    while not simulator.ended().any():
        now_s, refused = plays[0].now_s, [len(play.refused) for play in plays]
        action = random_action(rng, simulator)
        result = simulator.step(*action)
        for row, play in enumerate(plays):
            play.step(*(part[row] for part in action))
            check_step(scenario, result, row, play, refused[row], now_s)
    for row, play in enumerate(plays):
        check_ends(simulator, row, play)
    ends = {outcome for play in plays for outcome in play.outcome.values()}
    assert ends == {WAITING, SERVED, LATE, BELOW_QUALITY, EXPIRED}


def test_the_episodes_that_were_acted_out_meet_every_limit():
    """The comparison covers split deep batches and refusals by all three resources."""
    scenario = load_scenario("joint", HARSH)
    simulator, rng = Simulator(scenario), np.random.default_rng(0)
    simulator.reset(0, rng)
    play = Resimulation(scenario, tape_of(simulator))
    for _ in range(scenario.horizon_epochs):
        play.step(*(part[0] for part in random_action(rng, simulator)))
    assert play.splits > 1
    assert set(play.refused) == {REFUSED_UPLINK, REFUSED_DOWNLINK, REFUSED_MEMORY}


def check_step(scenario: Scenario, result, row: int, play: Resimulation, refused_before: int, now_s: float) -> None:
    """What one epoch reports beside the ends of requests."""
    slot_outcome = result.slot_outcome[row]
    assert slot_outcome[slot_outcome >= REFUSED_UPLINK].tolist() == play.refused[refused_before:]
    until_s = now_s + scenario.epoch_s
    busy_s = sum(max(min(end_s, until_s) - max(start_s, now_s), 0.0) for start_s, end_s in play.busy)
    utilisation = result.metrics[row, ROUTING_COLUMN["utilisation"]]
    assert utilisation == pytest.approx(busy_s / scenario.epoch_s / len(scenario.nodes), abs=1e-9)


def check_ends(simulator: Simulator, row: int, play: Resimulation) -> None:
    """Outcome, latency, exit and way of every request; totals."""
    state, tape, size = simulator.state, simulator.tape, int(simulator.tape.requests.length[row])
    arrived = np.flatnonzero(state.requests.outcome[row, :size]).tolist()
    assert {request: int(state.requests.outcome[row, request]) for request in arrived} == play.outcome
    for request, latency_s in play.latency_s.items():
        assert state.requests.latency_s[row, request] == pytest.approx(latency_s, abs=1e-9)
        assert state.requests.exit_block[row, request] == play.exit[request]
        assert [node - 1 for node in state.requests.node[row, request] if node] == play.way[request]
    assert len(play.latency_s) == (state.requests.latency_s[row] > 0).sum() > 50
    total = dict(zip(simulator.scenario.metrics, state.totals[row], strict=True))
    served = [request for request, outcome in play.outcome.items() if outcome == SERVED]
    assert total["served_value"] == pytest.approx(tape.requests.value[row, served].sum())
    assert total["delay_s"] == pytest.approx(sum(play.latency_s[request] for request in served))
    assert total["forwarded"] == sum(len(way) - 1 for way in play.way.values())
    correct = [
        min(play.quality[node] for node in way) * tape.exits.correct[row, request, play.exit[request] - 1]
        for request, way in play.way.items()
    ]
    assert total["correct"] == pytest.approx(sum(correct))
    assert total["full_correct"] == sum(tape.exits.correct[row, request, -1] for request in play.way)
    np.testing.assert_allclose(state.node_free_s[row], play.free_s)
    for (node, epoch), kv_bytes in np.ndenumerate(state.batches.kv_bytes[row]):
        assert kv_bytes == pytest.approx(play.held_by_epoch[node, epoch])
