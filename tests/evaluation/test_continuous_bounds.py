"""The clairvoyant bound of continuous batching against exhaustive search, by hand, and against what experts serve."""

from itertools import product

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401  registers the ids
from edge_llm_gym.evaluation.bounds import clairvoyant_bound
from edge_llm_gym.evaluation.bounds.continuous import Admissions, ContinuousLagrangian, admissions_of
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, LATE, SERVED
from edge_llm_gym.sim.simulator import Simulator

SHIPPED = load_scenario("continuous").model_dump(mode="json")
MINIATURE = {
    "horizon_epochs": 4,
    "slots": 8,
    "arrivals": {"process": "poisson", "rate_per_s": 0.3},
    "requests.value": [1.0, 3.0],
    "requests.budget_s": [6.0, 10.0],
}
CASES = {
    "one node": {"nodes": [SHIPPED["nodes"][0]]},
    "little memory": {"nodes": [SHIPPED["nodes"][0] | {"memory_fraction": 0.381}], "requests.budget_s": [12.0, 16.0]},
    "slow node": {"nodes": [SHIPPED["nodes"][3]], "lengths.max_output_tokens": 96},
    "two nodes": {"nodes": [SHIPPED["nodes"][index] for index in (1, 2)]},
}


def miniature(overrides, seed, most=3):
    """A simulator on a tape of a few requests."""
    simulator, rng = Simulator(load_scenario("continuous", MINIATURE | overrides)), np.random.default_rng(seed)
    simulator.reset(0, rng)
    while not 3 <= simulator.tape.requests.length[0] <= most:
        simulator.reset(0, rng)
    return simulator


def best_of_policies(simulator) -> float:
    """The greatest value served over all assignments in which no request is late; equal shares of the bands."""
    state, size = simulator.state, simulator.tape.requests.length[0]
    outcome = state.requests.outcome[0, :size]
    if np.isin(outcome, (LATE, BELOW_QUALITY)).any():
        return 0.0
    if simulator.ended()[0]:
        return float(simulator.tape.requests.value[0, :size][outcome == SERVED].sum())
    here, best = simulator.snapshot(), 0.0
    for choice in product(range(simulator.nodes + 1), repeat=int(state.queue.length[0])):
        simulator.restore(here)
        batch = np.zeros((1, simulator.scenario.slots), np.int64)
        batch[0, : len(choice)] = choice
        simulator.step(batch, np.ones((1, simulator.scenario.slots, 2)))
        best = max(best, best_of_policies(simulator))
    return best


@pytest.mark.parametrize("case", CASES)
def test_never_below_the_best_of_all_policies(case):
    ratios = []
    for seed in range(3):
        simulator = miniature(CASES[case], seed)
        bound, total = clairvoyant_bound(simulator), simulator.tape.requests.value.sum()
        best = best_of_policies(simulator)
        assert best <= bound <= total * (1 + 1e-6) + 1e-6
        ratios.append(bound / max(best, 1e-9))
    assert min(ratios) < 1.5


def two_of_three() -> tuple[Admissions, np.ndarray]:
    """Three requests of value 1, 2, 3 that each need 0.5 of a resource, on one node in one epoch."""
    three = np.arange(3)
    return Admissions(
        first=three,
        request=three,
        node=np.zeros(3, np.int64),
        epoch=np.zeros(3, np.int64),
        release=np.ones(3, np.int64),
        deadline=np.array([4, 4, 4]),
        usage=np.full((3, 3), 0.1),
        work_epochs=np.full(3, 0.1),
    ), np.array([1.0, 2.0, 3.0])


@pytest.mark.parametrize("resource", ["memory", "uplink", "downlink", "time"])
def test_prices_by_hand(resource):
    """Half of the resource each: with its price at 2 per unit the bound is 2 + 0 + 1 + 2 = 5, the value of the best."""
    found, value = two_of_three()
    prices = np.zeros(3 * 2 + 2 * 9)
    if resource == "time":
        found = found._replace(work_epochs=np.full(3, 0.5), deadline=np.array([4, 4, 4]))
        prices[3 * 2 + 4] = 2.0  # the interval from r_0 to the end of cell 4, one epoch
    else:
        column = ("memory", "uplink", "downlink").index(resource)
        found.usage[:, column] = 0.5
        prices[column * 2] = 2.0
    lagrangian = ContinuousLagrangian(found, value, nodes=1, horizon=2, cells=4)
    assert lagrangian.size == prices.size
    bound, slope = lagrangian.evaluate(prices)
    assert bound == pytest.approx(5.0)
    assert slope[np.argmax(prices)] == pytest.approx(0.0)  # requests 2 and 3 fill it
    assert lagrangian.evaluate(np.zeros_like(prices))[0] == 6.0


def test_slopes_are_subgradients():
    simulator = Simulator(load_scenario("continuous", {"horizon_epochs": 20, "requests.value": [0.5, 3.0]}))
    simulator.reset(0, np.random.default_rng(0))
    found = admissions_of(simulator, 0, cells=4)
    value = np.array(simulator.tape.requests.value[0, : simulator.tape.requests.length[0]])
    lagrangian, rng = ContinuousLagrangian(found, value, 4, 20, 4), np.random.default_rng(1)
    for _ in range(20):
        prices, other = rng.exponential(0.2, (2, lagrangian.size)) * (rng.random((2, lagrangian.size)) < 0.05)
        bound, slope = lagrangian.evaluate(prices)
        assert lagrangian.evaluate(other)[0] >= bound + slope @ (other - prices) - 1e-9


@pytest.mark.parametrize("name", ["edf", "ot-gah"])
def test_what_experts_serve_satisfies_the_priced_conditions(name):
    """The admissions of a run use no more than the limits, and their value is below the bound at any prices."""
    env = gymnasium.make("EdgeLLM/Continuous-v0", overrides={"horizon_epochs": 30})
    simulator, expert = env.unwrapped.simulator, make_expert(name, env)
    observation, _ = env.reset(seed=4)
    truncated = False
    while not truncated:
        observation, _, _, truncated, info = env.step(expert.predict(observation)[0])
    found = admissions_of(simulator, 0, cells=4)
    state, value = simulator.state, np.array(simulator.tape.requests.value[0])
    epoch_of = np.full(value.size, -1)
    epochs = np.repeat(np.arange(30), np.diff(state.admissions.until[0]))
    epoch_of[state.admissions.request[0, : epochs.size]] = epochs
    served = state.requests.outcome[0] == SERVED
    lagrangian = ContinuousLagrangian(found, value, simulator.nodes, 30, 4)
    request, node = found.request[lagrangian._owner], state.requests.node[0, :, 0] - 1
    chosen = np.flatnonzero(served[request] & (found.node == node[request]) & (found.epoch == epoch_of[request]))
    assert chosen.size == served.sum() > 50, "every request that is served is an admission of the bound"
    assert lagrangian._slack(chosen).min() >= -1e-6
    assert info["totals"]["served_value"] <= clairvoyant_bound(simulator) + 1e-6


def test_the_bound_is_the_total_value_if_all_requests_can_be_served():
    ample = {f"nodes.{index}.{band}": 1e9 for index in range(4) for band in ("uplink_hz", "downlink_hz")}
    calm = {"arrivals": {"process": "poisson", "rate_per_s": 0.05}, "requests.accuracy": [0.0, 0.0]}
    simulator = Simulator(load_scenario("continuous", ample | calm | {"horizon_epochs": 30}))
    simulator.reset(0, np.random.default_rng(0))
    requests, found = simulator.tape.requests, admissions_of(simulator, 0, cells=4)
    assert clairvoyant_bound(simulator) == requests.value[0, found.request].sum() > 0


def test_nothing_to_serve_is_a_bound_of_zero():
    simulator = miniature({"requests.budget_s": [1e-3, 2e-3], "requests.budget_per_output_token_s": 0.0}, 0)
    assert clairvoyant_bound(simulator) == 0.0
