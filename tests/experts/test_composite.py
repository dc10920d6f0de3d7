"""Experts of batching-and-routing dynamics: what they expect is what the scenario does, and what they do is never refused."""

from itertools import pairwise

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.composite import CompositeReader, Estimate
from edge_llm_gym.decoding.difficulty_mix import EVEN, SWINGS
from edge_llm_gym.decoding.exit_forecast import ExitForecast
from edge_llm_gym.evaluation import compare
from edge_llm_gym.experts import expert_names, make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.exit_observation import (
    QUANTILES,
)
from edge_llm_gym.sim.outcomes import BELOW_QUALITY, REFUSED_UPLINK, SERVED
from edge_llm_gym.sim.pooled.observation import (
    NODE_FEATURES,
    PooledObserver,
)
from edge_llm_gym.sim.simulator import Simulator
from tests.equality import assert_same
from tests.experts.acting import assert_actions_fit_single_and_batched
from tests.sim.costs_by_hand import claims
from tests.sim.pooled.routing_by_hand import quality_at, random_action

ENVIRONMENT = "EdgeLLM/Joint-v0"
SCENARIO = load_scenario("joint")
ENTRIES, NODES = 4, 6
BATCHERS = ("ot-gah", "dftsp", "sjf", "edf", "fcfs")
ROUTERS = ("dto-ee", "fixed-threshold", "no-exit")
NAMES = ("random", *BATCHERS, *(f"{batcher}+{router}" for router in ROUTERS for batcher in BATCHERS))
SOME = ("random", "sjf", "ot-gah+dto-ee", "edf+fixed-threshold", "dftsp+no-exit")
OFFLOAD = np.zeros((NODES, NODES))
OFFLOAD[:4, 4:] = [[0.25, 0.75], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
PLACES = [(node, block) for node in range(NODES) for block in ((0, 1) if node < ENTRIES else (2, 3))]


@pytest.fixture(scope="module")
def reader() -> CompositeReader:
    return CompositeReader(SCENARIO)


def seen_after(epochs: int, **overrides):
    """A simulator after some random epochs, and what its only row shows."""
    simulator, rng = Simulator(load_scenario("joint", overrides)), np.random.default_rng(0)
    simulator.reset(0, rng)
    for _ in range(epochs):
        simulator.step(*random_action(rng, simulator))
    return simulator, {key: array[0] for key, array in PooledObserver(simulator).observe()["items"]()}


# Through predict


@pytest.mark.parametrize("name", SOME)
def test_actions_lie_in_the_action_space_single_and_batched(name):
    assert_actions_fit_single_and_batched(ENVIRONMENT, name, epochs=3)


@pytest.mark.parametrize("name", [name for name in SOME if name != "random"])
def test_nothing_asked_is_refused_and_weights_ask_for_links_that_exist(name):
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 40})
    expert, exists = make_expert(name, env), env.unwrapped.scenario.network.has_link
    observation, _ = env.reset(seed=1)
    state, truncated = None, False
    while not truncated:
        action, state = expert.predict(observation, state)
        assert (action["offload"][~exists] == 0).all()
        observation, _, _, truncated, info = env.step(action)
        assert (info["slots"]["outcome"] < REFUSED_UPLINK).all()
    assert info["totals"]["requested"] == info["totals"]["admitted"] > 50


def test_the_composite_serves_more_than_its_parts_and_random():
    policies = ["ot-gah+dto-ee", "ot-gah", "fcfs+dto-ee", "random"]
    table = compare(ENVIRONMENT, policies, seeds=range(3), overrides={"horizon_epochs": 25})
    served = {policy: table.samples(policy, "served_value").mean() for policy in policies}
    assert served["ot-gah+dto-ee"] > 1.5 * served["random"]
    assert served["ot-gah+dto-ee"] > max(served["ot-gah"], served["fcfs+dto-ee"])


def test_an_empty_queue_is_an_answer():
    env = gymnasium.make(ENVIRONMENT, overrides={"arrivals": {"process": "poisson", "rate_per_s": 1e-9}})
    for name in SOME[1:]:
        observation, _ = env.reset(seed=0)
        assert not observation["request_mask"].any()
        expert, state = make_expert(name, env), None
        for _ in range(3):
            action, state = expert.predict(observation, state)
            assert not action["batch"].any()
            observation, *_ = env.step(action)


def test_state_starts_anew_with_the_episode_and_must_fit():
    env = gymnasium.make(ENVIRONMENT)
    expert = make_expert("sjf+dto-ee", env)
    first, _ = env.reset(seed=0)
    action, state = expert.predict(first)
    second, *_ = env.step(action)
    _, later = expert.predict(second, state)
    anew, _ = expert.predict(first, later, episode_start=np.ones(1, np.bool_))
    assert_same(anew, action)
    with pytest.raises(ValueError, match="memory of 1 rows, got 2"):
        expert.predict(first, state * 2)


def test_plans_hold_for_as_long_as_asked():
    env = gymnasium.make(ENVIRONMENT)
    expert, state, plans = make_expert("fcfs", env, replan_every=3), None, []
    observation, _ = env.reset(seed=0)
    for _ in range(7):
        action, state = expert.predict(observation, state)
        plans.append(state[0].plan)
        observation, *_ = env.step(action)
    assert [before is not after for before, after in pairwise(plans)] == [False, False, True, False, False, True]


def test_names_belong_to_the_admission():
    assert set(NAMES) <= set(expert_names(SCENARIO))
    assert not {"dto-ee", "milp"} & set(expert_names(SCENARIO))
    assert "ot-gah+dto-ee" not in expert_names(load_scenario("multi-node"))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: make_expert("ot-gah+dtoee", SCENARIO), ValueError, r"did you mean 'ot-gah\+dto-ee'"),
        (
            lambda: make_expert("dto-ee", SCENARIO),
            ValueError,
            "does not serve dynamics 'batching_routing' .* random, ot-gah",
        ),
        (lambda: make_expert("sjf", load_scenario("early-exit")), ValueError, "does not serve dynamics 'streaming'"),
        (lambda: make_expert("sjf", SCENARIO, treshold=0.5), TypeError, "did you mean 'threshold'"),
        (lambda: make_expert("sjf+dto-ee", SCENARIO, threshold=0.5), TypeError, "no setting 'threshold'"),
        (lambda: make_expert("sjf", SCENARIO, threshold=2.0), ValueError, r"must lie in \[0, 1\], got 2.0"),
        (lambda: make_expert("edf+dto-ee", SCENARIO, node_rul="x"), TypeError, "did you mean 'node_rule'"),
        (lambda: make_expert("sjf", SCENARIO, replan_every=0), ValueError, "at least 1 epoch, got 0"),
        (lambda: make_expert("sjf", SCENARIO, overrun_s=-1.0), ValueError, "overrun_s must be zero or more, got -1.0"),
        (lambda: make_expert("random", SCENARIO, threshold=0.5), TypeError, "no setting 'threshold'"),
        (lambda: make_expert("sjf", one_stage()), ValueError, "plan for two stages, got scenario 'multi-node' .* 1"),
    ],
)
def test_misuse_is_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def one_stage():
    exits = {"profile": "parametric", "blocks": [8, 8, 8, 8]}
    return load_scenario("multi-node", {"dynamics": "batching_routing", "exits": exits})


def test_an_observation_of_another_scenario_is_refused():
    _, observation = seen_after(0, slots=8)
    with pytest.raises(ValueError, match=r"was made for scenario 'joint' with 32 slots and 6 nodes, got .* 8 slots"):
        make_expert("sjf", SCENARIO).predict(observation)
    nodes = SCENARIO.model_dump(mode="json", exclude_unset=True)["nodes"][:5]
    links = [link.model_dump() for link in SCENARIO.links if link.target == "deep-8bit"]
    _, observation = seen_after(0, nodes=nodes, links=links)
    with pytest.raises(ValueError, match=r"got links of shape \(5, 5, 3\)"):
        make_expert("sjf", SCENARIO).predict(observation)


# What they believe


def test_at_first_half_of_the_mean_rate_is_admitted_and_half_of_that_goes_on(reader):
    first = reader.first()
    assert first.joined.sum() == pytest.approx(0.5 * 3.6 * 4.0, rel=0.02)
    assert first.sent.tolist() == pytest.approx([0.0] * 4 + [0.25 * first.joined.sum()] * 2)
    assert first.difficulty_shift == EVEN


def test_what_joins_is_remembered_with_a_fading_weight(reader):
    forecast = ExitForecast(np.zeros((4, 12)), np.full(4, 0.5), OFFLOAD[:4] / 2, np.zeros((4, 12)))
    estimate = Estimate(np.array([1.0, 0.0, 2.0, 0.0]), np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0]), 3)
    after = reader.remember(estimate, np.array([1, 1, 0, 4, 1]), forecast)
    assert after.joined.tolist() == pytest.approx([0.8 + 0.6, 0.0, 1.6, 0.2])
    assert after.sent.tolist() == pytest.approx([0, 0, 0, 0, 0.8 + 0.2 * 3 * 0.125, 0.2 * (3 * 0.375 + 0.5)])
    assert after.difficulty_shift == 3


@pytest.mark.parametrize("difficulty_shift", [0, 5, 10, 15, 20])
def test_the_mix_is_told_from_confidences(reader, difficulty_shift):
    """Quantiles of a sample of rows, as likely as the tilt says, lead back to the tilt within two steps of 21."""
    rows, observation = sampled_rows(reader, difficulty_shift, 400), {"exit_confidence": np.zeros((4, 5))}
    observation["exit_confidence"][0] = np.quantile(reader.constants.profile.confidence[rows, 0], QUANTILES)
    assert abs(reader.notice(reader.first(), observation).difficulty_shift - difficulty_shift) <= 2


def sampled_rows(reader, difficulty_shift: int, size: int):
    """Rows of the profile drawn with the density 1 + c (2 u - 1) of their difficulty u."""
    weight = 1.0 + SWINGS[difficulty_shift] * (2.0 * reader.constants.profile.difficulty - 1.0)
    return np.random.default_rng(difficulty_shift).choice(weight.size, size, p=weight / weight.sum())


def test_the_routing_problem_by_hand(reader):
    estimate = Estimate(np.array([8.0, 2.0, 0.0, 1.0]), np.zeros(6), EVEN)
    problem = reader.problem(estimate, {}, inner=1.0)
    np.testing.assert_allclose(problem.arrival_rate, [2.0, 0.5, 1e-3, 0.25])
    exists = np.zeros((4 + 6, 6), bool)
    exists[range(4), range(4)] = True  # an entry node is fed by a device of its own
    exists[4:8, 4:] = True
    np.testing.assert_array_equal(problem.has_link, exists)
    assert (problem.link_delay_s[:4][exists[:4]] < 1e-5).all()
    simulator = Simulator(load_scenario("joint", {"horizon_epochs": 500}))
    simulator.reset(0, np.random.default_rng(0))
    size = int(simulator.tape.requests.length[0])
    bits = simulator.tape.exits.forward_bits[0, :size].mean()
    wire_s = [0.005 + bits / 10e9, 0.01 + bits / 1e9]
    np.testing.assert_allclose(problem.link_delay_s[4:8, 4:], [wire_s, wire_s[::-1], wire_s[::-1], wire_s], rtol=0.05)
    # A request takes its work and, among four, a quarter of the shared time.
    hosted_work_s, hosted_shared_s, _ = claims(simulator)
    work_s = hosted_work_s[:, 1::2] + hosted_shared_s[:, 1::2].mean(0) / 4
    np.testing.assert_allclose(problem.service_s, work_s.mean(axis=0), rtol=0.05)
    np.testing.assert_allclose(problem.service_sq_s2, (work_s**2).mean(axis=0), rtol=0.15)
    assert problem.early_exit.hosted_exit.tolist() == [0] * 4 + [1] * 2


THRESHOLDS = [[0.0] * 6, [1.0] * 6, [0.2, 0.3, 0.6, 0.9, 0.4, 0.7]]


@pytest.mark.parametrize("difficulty_shift", [0, EVEN, 17])
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_the_outlook_is_the_mean_over_rows_drawn_at_random(reader, difficulty_shift, threshold):
    """Shares that leave and reach by Monte Carlo, within 4.5 standard errors; offers from the profile's table."""
    threshold, size = np.float32(threshold).astype(float), 20_000
    forecast = reader.forecast(difficulty_shift, OFFLOAD, threshold)
    confidence = reader.constants.profile.confidence[sampled_rows(reader, difficulty_shift, size)].astype(float)
    to_first = np.random.default_rng(1).random(size) < OFFLOAD[:4, 4][:, None]
    for entry in range(ENTRIES):
        leave, reach = np.zeros(len(PLACES)), np.zeros(NODES)
        for row, sure in enumerate(confidence):
            here = [block for block in (0, 1) if sure[block] >= threshold[entry]]
            if here:
                leave[PLACES.index((entry, here[0]))] += 1
                continue
            deep = 4 if to_first[entry, row] else 5
            reach[deep] += 1
            leave[PLACES.index((deep, 2 if sure[2] >= threshold[deep] else 3))] += 1
        error = 4.5 * np.sqrt(0.25 / size)
        np.testing.assert_allclose(forecast.leave[entry], leave / size, atol=error)
        np.testing.assert_allclose(forecast.reach[entry], reach / size, atol=error)
        assert forecast.pass_on[entry] == pytest.approx(forecast.reach[entry].sum())
        assert forecast.leave[entry].sum() == pytest.approx(1.0)


def test_offers_are_those_of_the_exit_and_of_the_coarsest_node_on_the_way(reader):
    threshold = np.float32([0.2, 0.3, 0.6, 0.9, 0.4, 0.7]).astype(float)
    forecast = reader.forecast(EVEN, OFFLOAD, threshold)
    coarse = 6.14 / 6.5
    factor = [1.0, coarse, coarse, 1.0, 1.0, coarse]
    for entry in range(ENTRIES):
        for place, (node, block) in enumerate(PLACES):
            if node == entry or node >= ENTRIES:
                offered = quality_at("stdlib-lm", block, threshold[node], min(factor[entry], factor[node]))
                assert forecast.quality[entry, place] == pytest.approx(offered)


def test_threshold_levels_are_the_least_that_offer_the_demand_at_the_first_exit(reader):
    levels = reader.threshold_levels()
    assert (np.diff(levels[:, 0]) > 0).all()
    coarse = 6.14 / 6.5
    for node, factor in enumerate([1.0, coarse, coarse, 1.0, 1.0, coarse]):
        block = 0 if node < ENTRIES else 2
        for demand in (0.5, 0.98):
            level = levels[0 if demand == 0.5 else -1, node]
            wanted = min(demand, factor) * (1 - 1e-6) + 1e-6
            assert quality_at("stdlib-lm", block, level, factor) >= wanted
            assert level == 0 or quality_at("stdlib-lm", block, level - 0.005, factor) < wanted


# What they expect of requests


def read(reader, simulator, observation, threshold, joined=None):
    """Epoch under thresholds [6] and OFFLOAD, with the indices of the shown requests."""
    shown = int(observation["request_mask"].sum())
    assert shown > 5
    threshold = np.float32(threshold).astype(float)
    estimate = reader.first() if joined is None else joined
    forecast = reader.forecast(estimate.difficulty_shift, OFFLOAD, threshold)
    return simulator.state.queue.request[0, :shown], forecast, reader.read_under(observation, estimate, forecast)


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_costs_are_those_of_the_tape_averaged_over_the_exits(reader, threshold):
    simulator, observation = seen_after(6)
    request, forecast, epoch = read(reader, simulator, observation, threshold)
    tape, (work_s, shared_s, kv_bytes) = simulator.tape, claims(simulator)[:, request]
    for node, problem in enumerate(epoch.problem.nodes):
        first, last = 2 * node, 2 * node + 1
        here = forecast.leave[node]
        mean_s = here[first] * work_s[:, first] + (1 - here[first]) * work_s[:, last]
        np.testing.assert_allclose(problem.time_s, mean_s, rtol=1e-6)
        np.testing.assert_allclose(problem.shared_time_s, shared_s[:, last], rtol=1e-6)
        np.testing.assert_allclose(problem.kv_bytes, kv_bytes[:, first], rtol=1e-6)
        efficiency = tape.channels.spectral_efficiency[0, 6, tape.requests.device[0, request], node].astype(float)
        exact = tape.requests.bits[0, request] / (0.4 * 5e6 * np.maximum(efficiency, 1e-300))
        assert (problem.uplink_share >= exact[:, 0] * (1 - 1e-9)).all()
        assert (problem.downlink_share >= exact[:, 1] * (1 - 1e-9)).all()
        np.testing.assert_allclose(problem.uplink_share, exact[:, 0], rtol=1e-4)


def test_whoever_leaves_at_the_first_exit_is_worth_its_value_if_that_is_good_enough(reader):
    simulator, observation = seen_after(6, **{"requests.accuracy": [0.5, 0.9]})
    request, _, epoch = read(reader, simulator, observation, [0.0] * 6)
    demand, told = simulator.tape.requests.quality_demand[0, request], 0
    budget_s = simulator.tape.requests.deadline_s[0, request] - 0.4
    for node, problem in enumerate(epoch.problem.nodes):
        offered = quality_at("stdlib-lm", 0, 0.0, simulator.parameters.quality[node])
        np.testing.assert_allclose(problem.value, simulator.tape.requests.value[0, request] * (demand <= offered))
        told += problem.value.sum()
        start_s = max(7 * 4.0 + 0.4, simulator.state.node_free_s[0, node])
        np.testing.assert_allclose(problem.budget_s, budget_s - start_s, atol=1e-3)
        assert (problem.budget_s <= budget_s - start_s).all()
    assert 0 < told < 4 * len(request)


def test_whoever_goes_on_needs_time_for_the_rest_of_the_way():
    simulator, observation = seen_after(6, **{"requests.budget_s": [4.0, 30.0], "requests.accuracy": [0.9, 0.97]})
    reader = CompositeReader(simulator.scenario)
    estimate = Estimate(np.ones(4), np.array([0, 0, 0, 0, 2.0, 3.0]), EVEN)
    request, _, epoch = read(reader, simulator, observation, [1.0] * 6, estimate)
    tape, state = simulator.tape, simulator.state
    hosted_s = claims(simulator)[:2, request].sum(axis=0)
    mean_work_s = reader.constants.mean_work_s[[4, 5], 3]
    busy_s = observation["nodes"][4:, NODE_FEATURES.index("time_until_free")].astype(float) * 4.0
    queue_s = np.maximum(busy_s - 2.0, 0.0) + np.array([2.0, 3.0]) / 2 * mean_work_s
    rate = np.array([[10, 1], [1, 10], [1, 10], [10, 1]]) * 1e9
    latency_s = np.where(rate > 5e9, 0.005, 0.01)
    coarse = {False: 1.0, True: 6.14 / 6.5}
    kinds = set()
    for node, problem in enumerate(epoch.problem.nodes):
        wire_s = latency_s[node] + reader.constants.mean_forward_bits / rate[node]
        deep_s = hosted_s[:, [9, 11]]
        after_s = (deep_s + queue_s + wire_s) @ OFFLOAD[node, 4:]
        start_s = max(7 * 4.0 + 0.4, state.node_free_s[0, node])
        left_s = tape.requests.deadline_s[0, request] - 0.4 - start_s
        alone_s = hosted_s[:, 2 * node + 1]
        good = tape.requests.quality_demand[0, request] <= simulator.parameters.quality[node]
        in_time = (alone_s <= left_s - after_s) & good
        np.testing.assert_allclose(problem.budget_s[in_time], (left_s - after_s)[in_time], atol=1e-3)
        np.testing.assert_allclose(problem.budget_s[~in_time], np.where(good, left_s, -1.0)[~in_time], atol=1e-3)
        offered = np.array([min(coarse[node in (1, 2)], factor) for factor in (1.0, coarse[True])])
        chance = (offered[None] >= tape.requests.quality_demand[0, request, None]) @ OFFLOAD[node, 4:]
        np.testing.assert_allclose(problem.value, np.where(in_time, chance, 0.0), rtol=1e-6)
        kinds |= {*zip(in_time.tolist(), (chance > 0).tolist(), strict=True)}
    assert {(True, True), (False, True)} <= kinds


def test_expected_value_is_what_is_served_on_average():
    """Alone in a network at rest, requests are served as often as the reader expects, to 4.5 standard errors."""
    ample = {"requests.budget_s": [60.0, 80.0], "channel.spectral_efficiency_floor": 0.2}
    ample |= {"requests.uplink_payload": {}, "requests.downlink_payload": {}}
    demands = {"requests.accuracy": [0.5, 1.0], "arrivals.rate_per_s": 1.0, "horizon_epochs": 1}
    scenario = load_scenario("joint", ample | demands)
    reader, simulator, rng = CompositeReader(scenario), Simulator(scenario, rows=100), np.random.default_rng(0)
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    threshold, entry = np.float32([0.2, 0.3, 0.12, 0.25, 0.1, 0.15]), 2
    forecast, shows = reader.forecast(EVEN, OFFLOAD, threshold.astype(float)), PooledObserver(simulator).observe()
    rows = np.flatnonzero(shows["request_mask"][:, 0])
    chance = np.array([first_value(reader, forecast, shows, row, entry) for row in rows])
    before = [simulator.snapshot(row) for row in range(simulator.rows)]
    batch = np.zeros((simulator.rows, scenario.slots), np.int64)
    batch[:, 0] = entry + 1
    offload = np.tile(OFFLOAD, (simulator.rows, 1, 1)).astype(np.float32)
    served = []
    for _ in range(30):  # the same requests, with other confidences and routes each time
        drawn = rng.integers(reader.constants.profile.rows, size=simulator.tape.exits.confidence.shape[:2])
        simulator.tape.exits.confidence[:] = reader.constants.profile.confidence[drawn]
        simulator.tape.exits.route[:] = rng.random(simulator.tape.exits.route.shape)
        action = batch, np.ones((simulator.rows, scenario.slots, 2)), offload, np.tile(threshold, (simulator.rows, 1))
        outcome = simulator.step(*action).slot_outcome[rows, 0]
        assert np.isin(outcome, (SERVED, BELOW_QUALITY)).all()
        served.append(outcome == SERVED)
        for row, snapshot in enumerate(before):
            simulator.restore(snapshot, row)
    assert np.unique(chance).size > 2
    for value in np.unique(chance):
        often = np.array(served)[:, chance == value]
        assert often.mean() == pytest.approx(value, abs=4.5 * np.sqrt(value * (1 - value) / often.size) + 0.01)


def first_value(reader, forecast, shows, row, entry) -> float:
    """Value of the request in the first slot of a row on an entry node."""
    one = {key: array[row] for key, array in shows.items()}
    return float(reader.read_under(one, reader.first(), forecast).problem.nodes[entry].value[0])
