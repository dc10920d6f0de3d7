"""The clairvoyant bound against exhaustive search on miniature tapes, by hand, and against what experts serve."""

from itertools import product

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.evaluation.bounds import clairvoyant_bound
from edge_llm_gym.evaluation.bounds.batch_search import search
from edge_llm_gym.evaluation.bounds.batch_workspace import insert, new_workspace
from edge_llm_gym.evaluation.bounds.candidates import candidates
from edge_llm_gym.evaluation.bounds.clairvoyant import Lagrangian, Stage
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.models.channel import minimum_share
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.outcomes import EMPTY, SERVED, WAITING
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.costs_by_hand import write_costs

EPOCHS = 4
MINIATURE = {
    "horizon_epochs": EPOCHS,
    "slots": 8,
    "arrivals": {"process": "poisson", "rate_per_s": 0.5},
    "requests.value": [1.0, 3.0],
}
SCARCE = {  # every resource binds, and batches overrun into later epochs
    "nodes.0.memory_fraction": 0.125,
    "nodes.0.uplink_hz": 2.0e6,
    "nodes.0.usable_flops_fraction": 0.1,
    "requests.budget_s": [5.0, 14.0],
}
TWO_NODES = {"nodes": [load_scenario("multi-node").model_dump(mode="json")["nodes"][index] for index in (1, 2)]}
MINIATURES = [("single-node", {}), ("single-node", SCARCE), ("multi-node", TWO_NODES)]


def miniature(name, overrides, seed):
    """A simulator on a tape of at most seven requests."""
    simulator = Simulator(load_scenario(name, MINIATURE | overrides))
    rng = np.random.default_rng(seed)
    simulator.reset(0, rng)
    while not 3 <= simulator.tape.requests.length[0] <= 7:
        simulator.reset(0, rng)
    return simulator


def decide(simulator, batch):
    """Runs one epoch, every request with its minimum shares; returns whether all requested ones were served."""
    parameters, tape, state = simulator.parameters, simulator.tape, simulator.state
    epoch = state.epoch[0]
    slots = np.zeros((1, parameters.slots), np.int64)
    weights = np.zeros((1, parameters.slots, 2))
    slots[0, : len(batch)] = batch
    for slot in np.flatnonzero(slots[0]):
        request, node = state.queue.request[0, slot], slots[0, slot] - 1
        for direction, slot_s in enumerate((parameters.radio.uplink_slot_s, parameters.radio.downlink_slot_s)):
            efficiency = tape.channels.spectral_efficiency[0, epoch, tape.requests.device[0, request], node, direction]
            capacity_bits = slot_s * parameters.radio.bandwidth_hz[node, direction] * efficiency
            share = minimum_share(tape.requests.bits[0, request, direction], capacity_bits)
            weights[0, slot, direction] = min(float(share), 1e9)
    result = simulator.step(slots, weights)
    return (result.slot_outcome[0][slots[0] > 0] == SERVED).all()


def best_of_all_policies(simulator):
    """The greatest value that can be served, over all assignments in which every assigned request is served."""
    if simulator.ended()[0]:
        served = simulator.state.requests.outcome[0, : simulator.tape.requests.length[0]] == SERVED
        return float(simulator.tape.requests.value[0, : simulator.tape.requests.length[0]][served].sum())
    here, best = simulator.snapshot(), 0.0
    for batch in product(range(simulator.nodes + 1), repeat=int(simulator.state.queue.length[0])):
        simulator.restore(here)
        if decide(simulator, batch):
            best = max(best, best_of_all_policies(simulator))
    return best


@pytest.mark.parametrize(("name", "overrides"), MINIATURES, ids=["single", "scarce", "two nodes"])
@pytest.mark.parametrize("seed", range(8))
def test_never_below_the_best_of_all_policies_and_close_to_it(name, overrides, seed):
    simulator = miniature(name, overrides, seed)
    bound = clairvoyant_bound(simulator)
    best = best_of_all_policies(simulator)
    assert best <= bound <= 1.35 * best + 1e-6
    total = simulator.tape.requests.value[0, : simulator.tape.requests.length[0]].sum()
    assert bound <= total * (1 + 1e-6) + 1e-6


JOINT = load_scenario("joint").model_dump(mode="json", exclude_unset=True)
SMALL_JOINT = {  # a four-bit and an eight-bit entry node before one deep node
    "horizon_epochs": 3,
    "slots": 8,
    "arrivals": {"process": "poisson", "rate_per_s": 0.25},
    "requests.value": [1.0, 3.0],
    "exits.drift": None,
    "nodes": [JOINT["nodes"][index] for index in (1, 3, 4)],
    "links": [JOINT["links"][index] for index in (2, 6)],
}
SHORT_BUDGETS = {  # so little time that many requests can only be served at an early exit
    "epoch_s": 1.0,
    "uplink_slot_s": 0.1,
    "downlink_slot_s": 0.1,
    "arrivals.rate_per_s": 1.0,
    "requests.accuracy": [0.3, 0.9],
    "requests.budget_s": [1.5, 3.0],
    "requests.budget_per_output_token_s": 0.01,
    "requests.uplink_payload": {},
    "requests.downlink_payload": {},
    "nodes.1.usable_flops_fraction": 0.2,
}
HIGH_QUALITY = {
    "requests.accuracy": [0.945, 1.0],
    "nodes.1.uplink_hz": 1e6,
}  # above the quality factor of 4-bit weights


def small_joint(overrides, seed):
    """A simulator on a tape of three or four requests."""
    simulator = Simulator(load_scenario("joint", SMALL_JOINT | overrides))
    rng = np.random.default_rng(seed)
    simulator.reset(0, rng)
    while not 3 <= simulator.tape.requests.length[0] <= 4:
        simulator.reset(0, rng)
    return simulator


def decide_and_route(simulator, batch, threshold):
    """As `decide`, under thresholds [K]; there is only one link onwards."""
    parameters, tape, state = simulator.parameters, simulator.tape, simulator.state
    slots, weights = np.zeros((1, parameters.slots), np.int64), np.zeros((1, parameters.slots, 2))
    slots[0, : len(batch)] = batch
    for slot in np.flatnonzero(slots[0]):
        request, node = state.queue.request[0, slot], slots[0, slot] - 1
        efficiency = tape.channels.spectral_efficiency[
            0, state.epoch[0], tape.requests.device[0, request], node
        ].astype(float)
        weights[0, slot] = tape.requests.bits[0, request] / (
            parameters.radio.bandwidth_hz[node] * np.maximum(efficiency, 1e-300)
        )
    slots_s = parameters.radio.uplink_slot_s, parameters.radio.downlink_slot_s
    offload = np.ones((1, simulator.nodes, simulator.nodes), np.float32)
    weights = np.minimum(weights / slots_s, 1e9)
    result = simulator.step(slots, weights, offload, np.array([threshold], np.float32))
    return (result.slot_outcome[0][slots[0] > 0] == SERVED).all()


def thresholds_that_differ(simulator):
    """Thresholds [K] to try: the confidence of each request at each exit, and one above all of them."""
    tape, network = simulator.tape, simulator.scenario.network
    confidence = tape.exits.confidence[0, : tape.requests.length[0]]
    levels = [
        [*np.unique(confidence[:, network.first_block[node] : network.last_block[node] + 1]), 1.0]
        for node in range(simulator.nodes)
    ]
    return [np.array(threshold) for threshold in product(levels[0], levels[1], (0.5, 1.0))]


def best_of_routing_policies(simulator, thresholds, least=0.0):
    """The greatest value that can be served, over all batches and thresholds; `least` if it cannot be exceeded."""
    if reachable_value(simulator, (SERVED, WAITING, EMPTY)) <= least or simulator.ended()[0]:
        return max(reachable_value(simulator, (SERVED,)), least)
    here, known = simulator.snapshot(), set()
    for batch in product(range(2, -1, -1), repeat=int(simulator.state.queue.length[0])):
        for threshold in thresholds if any(batch) else thresholds[:1]:
            simulator.restore(here)
            served = decide_and_route(simulator, batch, threshold)
            key = simulator.state.requests.outcome[0].tobytes() + simulator.state.node_free_s[0].tobytes()
            if served and key not in known:
                known.add(key)
                least = best_of_routing_policies(simulator, thresholds, least)
    return least


def reachable_value(simulator, outcomes):
    """Value of the requests of the tape whose outcome is among `outcomes`."""
    size = simulator.tape.requests.length[0]
    return float(
        simulator.tape.requests.value[0, :size][np.isin(simulator.state.requests.outcome[0, :size], outcomes)].sum()
    )


@pytest.mark.parametrize(
    ("overrides", "seed"),
    [*((SHORT_BUDGETS, seed) for seed in (0, 1, 3, 5, 6, 8)), *((HIGH_QUALITY, seed) for seed in (0, 2, 3, 4))],
)
def test_never_below_the_best_of_all_routing_policies_and_close_to_it(overrides, seed):
    simulator = small_joint(overrides, seed)
    bound = clairvoyant_bound(simulator)
    best = best_of_routing_policies(simulator, thresholds_that_differ(simulator))
    assert 0 < best <= bound <= 1.35 * best + 1e-6


@pytest.mark.parametrize("seed", range(2))
def test_no_composite_expert_exceeds_it(seed):
    env = gymnasium.make("EdgeLLM/Joint-v0", overrides={"horizon_epochs": 15, "requests.value": [0.5, 2.0]})
    policies = ["ot-gah+dto-ee", "sjf+fixed-threshold", "edf+no-exit", "sjf", "random"]
    served = []
    for source in policy_sources(policies):
        served.append(run_episode(env, source.make(env, seed), seed)["served_value"])
    bound = clairvoyant_bound(env.unwrapped.simulator)
    assert 0 < min(served) <= max(served) <= bound
    env.reset(seed=seed)
    assert clairvoyant_bound(env.unwrapped.simulator) == bound


@pytest.mark.parametrize(("name", "overrides"), MINIATURES, ids=["single", "scarce", "two nodes"])
def test_any_prices_give_a_bound_and_finer_cells_a_lower_one(name, overrides):
    simulator, rng = miniature(name, overrides, 3), np.random.default_rng(0)
    best = best_of_all_policies(simulator)
    coarse, fine = (lagrangian_of(simulator, cells) for cells in (3, 9))
    for scale in (0.0, 0.1, 1.0):
        for _ in range(20):
            prices = scale * rng.exponential(size=coarse.size) * (rng.random(coarse.size) < 0.5)
            assert best <= fine.evaluate(prices)[0] + 1e-9
            assert fine.evaluate(prices)[0] <= coarse.evaluate(prices)[0] + 1e-9


def lagrangian_of(simulator, cells):
    value = np.array(simulator.tape.requests.value[0, : simulator.tape.requests.length[0]])
    return Lagrangian(candidates(simulator, 0), value, simulator.parameters.epoch_s, cells)


@pytest.mark.parametrize("name", ["single-node", "multi-node"])
def test_slopes_are_subgradients(name):
    simulator, rng = Simulator(load_scenario(name, {"horizon_epochs": 8})), np.random.default_rng(0)
    simulator.reset(0, rng)
    lagrangian = lagrangian_of(simulator, 4)
    points = [0.6 * rng.random(lagrangian.size) for _ in range(6)]
    values = [lagrangian.evaluate(point) for point in points]
    for here, (bound, slope) in zip(points, values, strict=True):
        for there, (other, _) in zip(points, values, strict=True):
            assert other >= bound + slope @ (there - here) - 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_search_finds_the_best_batch_of_every_duration(seed):
    rng, count, cells, cell_s, price = np.random.default_rng(seed), 9, 12, 0.5, 0.2
    profit, work_s, shared_s = rng.normal(0.3, 0.5, count), rng.uniform(0.1, 1.0, count), rng.uniform(0.2, 3.0, count)
    usage = rng.uniform(0.0, 0.6, (count, 3))
    workspace, truncated = new_workspace(count, cells), new_workspace(count, cells)
    for one in (workspace, truncated):
        for i in range(count):
            insert(one, i, i, profit[i], work_s[i], shared_s[i], usage[i])
    search(workspace, count, cells, cell_s, price)
    search(truncated, count, cells, cell_s, price, 5)
    best_profit = np.full(cells + 1, -np.inf)
    for subset in product((False, True), repeat=count):
        chosen = np.array(subset)
        if chosen.any() and (usage[chosen].sum(axis=0) <= 1).all():
            duration = work_s[chosen].sum() + shared_s[chosen].max()
            lasting = np.arange(cells + 1) * cell_s >= duration
            best_profit[lasting] = np.maximum(
                best_profit[lasting], profit[chosen].sum() - price * shared_s[chosen].max()
            )
    np.testing.assert_allclose(workspace.best_profit, best_profit)
    assert (truncated.best_profit >= best_profit - 1e-12).all()
    members = workspace.members[: workspace.size[0]]
    assert profit[members].sum() - price * shared_s[members].max() == pytest.approx(best_profit[cells])


@pytest.mark.parametrize("name", ["single-node", "multi-node"])
def test_candidates_are_the_requests_that_the_simulator_serves_alone(name):
    simulator = Simulator(load_scenario(name, {"horizon_epochs": 5, "slots": 64}))
    simulator.reset(0, np.random.default_rng(1))
    found = candidates(simulator, 0)
    while not simulator.ended()[0]:
        epoch, here = simulator.state.epoch[0], simulator.snapshot()
        waiting = simulator.state.queue.request[0, : simulator.state.queue.length[0]].copy()
        for node in range(simulator.nodes):
            expected = found.request[found.first[node, epoch] : found.first[node, epoch + 1]]
            alone = [request for slot, request in enumerate(waiting) if serves_alone(simulator, here, slot, node)]
            assert sorted(alone) == sorted(expected)
        simulator.restore(here)
        decide(simulator, [])


def serves_alone(simulator, here, slot, node):
    simulator.restore(here)
    batch = np.zeros(slot + 1, np.int64)
    batch[slot] = node + 1
    return decide(simulator, batch)


@pytest.mark.parametrize(
    ("environment", "policies"),
    [
        ("EdgeLLM/SingleNode-v0", ["dftsp", "dftsp[overrun_s=0]", "sjf", "edf", "random"]),
        ("EdgeLLM/MultiNode-v0", ["ot-gah", "sjf", "edf", "fcfs", "nob"]),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_expert_exceeds_it_and_the_best_comes_near(environment, policies, seed):
    env = gymnasium.make(environment, overrides={"horizon_epochs": 20, "requests.value": [0.5, 2.0]})
    episodes = [run_episode(env, source.make(env, seed), seed) for source in policy_sources(policies)]
    served = np.array([episode["served_value"] for episode in episodes])
    bound = clairvoyant_bound(env.unwrapped.simulator)
    assert (served <= bound).all()
    assert served.max() >= 0.65 * bound
    env.reset(seed=seed)
    assert clairvoyant_bound(env.unwrapped.simulator) == bound  # the bound does not depend on the episode played


def test_the_bound_is_the_total_value_if_all_requests_can_be_served():
    ample = {"nodes.0.memory_fraction": 0.9, "nodes.0.uplink_hz": 1e9, "nodes.0.downlink_hz": 1e9}
    calm = {"arrivals.rate_per_s": 0.3, "requests.budget_s": [30.0, 40.0], "requests.accuracy": [0.1, 0.2]}
    env = gymnasium.make("EdgeLLM/SingleNode-v0", overrides={"horizon_epochs": 20} | ample | calm)
    (source,) = policy_sources(["edf"])
    episode = run_episode(env, source.make(env, 0), 0)
    assert episode["served_value"] == clairvoyant_bound(env.unwrapped.simulator) > 0


def test_one_batch_by_hand():
    """One epoch, and memory for two of three waiting requests; with whole values the bound is tight."""
    simulator = Simulator(load_scenario("single-node", {"horizon_epochs": 1, "arrivals.rate_per_s": 3.0}))
    simulator.reset(0, np.random.default_rng(0))
    write_costs(simulator, 0.1, 1.0, 0.4 * simulator.parameters.kv_capacity_bytes, 3)
    tape = simulator.tape
    tape.requests.length[0] = 3
    tape.requests.arrival_s[0, :3], tape.requests.deadline_s[0, :3], tape.latest_start_s[0, :3] = 0.0, 20.0, 10.0
    tape.requests.bits[0, :3], tape.requests.value[0, :3] = 0.0, [1.0, 2.0, 5.0]
    assert clairvoyant_bound(simulator) == 7.0
    assert clairvoyant_bound(simulator, stages=(Stage(1, 1, 0.1),)) == 8.0


def test_nothing_to_serve_is_a_bound_of_zero():
    simulator = Simulator(load_scenario("single-node", {"horizon_epochs": 3}))
    simulator.reset(0, np.random.default_rng(0))
    simulator.tape.requests.length[0] = 0
    assert clairvoyant_bound(simulator) == 0.0


def test_streaming_dynamics_has_no_bound():
    with pytest.raises(
        ValueError, match=r"pooled requests \(dynamics batching or batching_routing\), got scenario 'early-exit'"
    ):
        clairvoyant_bound(Simulator(load_scenario("early-exit")))
