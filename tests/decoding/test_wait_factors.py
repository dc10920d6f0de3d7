"""Wait factors against numbers by hand, against queues with known waits, and through readers and experts."""

from typing import NamedTuple

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.decoding.wait_factors import (
    EVIDENCE,
    FACTOR_BOUNDS,
    WAIT_DISCOUNT,
    Routed,
    WaitEstimate,
    WaitFactors,
)
from edge_llm_gym.experts import make_expert
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.sim.streaming.observation import NODE_FEATURES
from tests.decoding.test_streaming import SCENARIO, by_hand
from tests.decoding.two_stages import SCENARIO as TWO_STAGES
from tests.sim import streams

INF = np.inf
ENVIRONMENT = "EdgeLLM/EarlyExit-v0"


class Flow(NamedTuple):
    """A steady network of two first nodes and two second ones, epochs of 2 s: what a policy sees, and the truth."""

    backlog: np.ndarray
    sent: np.ndarray
    routed: Routed
    wait_s: np.ndarray
    mg1_s: np.ndarray


EPOCH_S = 2.0
STAGE = np.array([0, 0, 1, 1])
TRANSFER_S = np.array([[INF, INF, 0.1, 0.3], [INF, INF, 0.2, INF], [INF] * 4, [INF] * 4])


def steady(wait_s: list[float]) -> Flow:
    """By Little's law: 3 and 5 requests/s reach the first nodes; 1.2 and 2 go on to node 2, 0.9 to node 3."""
    wait = np.array(wait_s)
    rate, service_s = np.array([3.0, 5.0, 3.2, 0.9]), np.array([0.1, 0.05, 0.2, 0.5])
    square_s2 = np.array([0.02, 0.0025, 0.06, 0.3])
    onward = np.array([[0, 0, 0.4, 0.3], [0, 0, 0.4, 0], [0] * 4, [0] * 4])
    first_s = 0.7 + wait[:2] + service_s[:2]  # uplink, wait, service
    reach_s = np.array([0.0, 0.0, (1.2 * (first_s[0] + 0.1) + 2.0 * (first_s[1] + 0.2)) / 3.2, first_s[0] + 0.3])
    time_s = np.concatenate([first_s, (reach_s + wait + service_s)[2:]])
    mg1_s = rate * square_s2 / (2 * (1 - rate * service_s))
    return Flow(rate * time_s, rate * EPOCH_S, Routed(onward, service_s, square_s2), wait, mg1_s)


def estimated(flow: Flow, epochs: int) -> tuple[WaitFactors, WaitEstimate]:
    factors = WaitFactors(STAGE, TRANSFER_S, EPOCH_S)
    estimate = factors.initial_estimate()
    for _ in range(epochs):
        estimate = factors.update(estimate, flow.backlog, flow.sent, flow.routed)
    return factors, estimate


def test_waits_follow_from_backlogs_by_littles_law() -> None:
    flow = steady([0.4, 0.1, 0.25, 0.02])
    factors, estimate = estimated(flow, 10)
    weight = (1 - WAIT_DISCOUNT**10) / (1 - WAIT_DISCOUNT)
    rate = flow.sent / EPOCH_S
    assert estimate.weight == pytest.approx(weight)
    deep = STAGE > 0
    assert factors.waiting(estimate) == pytest.approx(deep * rate * flow.wait_s * weight)
    assert factors.predicted(estimate) == pytest.approx(deep * rate * flow.mg1_s * weight)


def test_factors_are_drawn_to_the_stage_and_the_stage_to_1() -> None:
    flow = steady([0.4, 0.1, 0.25, 0.1])
    factors, estimate = estimated(flow, 5)
    observed = factors.waiting(estimate)[2:]
    predicted = factors.predicted(estimate)[2:]
    common = (observed.sum() + EVIDENCE) / (predicted.sum() + EVIDENCE)
    assert factors.factors(estimate)[2:] == pytest.approx((observed + EVIDENCE * common) / (predicted + EVIDENCE))
    assert factors.factors(estimate)[:2].tolist() == [1.0, 1.0]
    assert factors.factors(factors.initial_estimate()).tolist() == [1.0] * 4


def test_factors_approach_the_ratio_of_the_waits_and_forget() -> None:
    """After 1,000 epochs the prior weighs less than a fifth, and nothing is left of 1,000 epochs of other waits."""
    before, flow = steady([0.4, 0.1, 0.9, 0.1]), steady([0.4, 0.1, 0.3, 0.4])
    factors, estimate = estimated(before, 1000)
    for _ in range(1000):
        estimate = factors.update(estimate, flow.backlog, flow.sent, flow.routed)
    afresh = factors.factors(estimated(flow, 1000)[1])
    assert factors.factors(estimate) == pytest.approx(afresh, rel=1e-3)
    ratio = flow.wait_s / flow.mg1_s
    assert afresh[2:] == pytest.approx(ratio[2:], rel=0.2)


def test_factors_stay_within_bounds() -> None:
    low, high = FACTOR_BOUNDS
    assert WaitFactors.factors(*estimated(steady([0.4, 0.1, 0.0, 0.0]), 3000))[2] == low
    assert WaitFactors.factors(*estimated(steady([0.4, 0.1, 50.0, 50.0]), 3000))[2:].tolist() == [high, high]


def test_a_node_without_requests_takes_the_factor_of_its_stage() -> None:
    flow = steady([0.4, 0.1, 0.3, 0.1])
    onward = flow.routed.onward.copy()
    onward[:, 3] = 0.0
    idle = flow._replace(
        backlog=flow.backlog * [1, 1, 1, 0], sent=flow.sent * [1, 1, 1, 0], routed=flow.routed._replace(onward=onward)
    )
    factors, estimate = estimated(idle, 200)
    common = (factors.waiting(estimate).sum() + EVIDENCE) / (factors.predicted(estimate).sum() + EVIDENCE)
    assert factors.factors(estimate)[3] == pytest.approx(common)


def tandem_factor(service_s: np.ndarray, square_s2: float) -> tuple[float, float]:
    """Estimated factor and simulated wait at the second of two nodes in a row, at a utilisation of 0.8."""
    rng, epochs, requests = np.random.default_rng(0), 4000, len(service_s)
    arrival_s = np.cumsum(rng.exponential(1.0, requests))
    times_s = np.zeros((requests, 4))
    times_s[:, :2] = service_s
    confidence = np.ones((requests, 4))
    confidence[:, 0] = 0.0
    scenario = streams.staged([1, 1], horizon_epochs=epochs, epoch_s=1.000001 * float(arrival_s[-1]) / epochs)
    simulator = streams.by_hand(scenario, arrival_s, service_s=times_s, confidence=confidence)
    factors = WaitFactors(np.array([0, 1]), np.array([[INF, 0.0], [INF, INF]]), scenario.epoch_s)
    routed = Routed(np.array([[0.0, 1.0], [0.0, 0.0]]), np.full(2, 0.8), np.full(2, square_s2))
    estimate = factors.initial_estimate()
    while not simulator.ended()[0]:
        streams.act(simulator, np.ones((3, 2)), [0.5, 0.5])
        state = simulator.state
        estimate = factors.update(estimate, state.open_visits[0] * 1.0, state.sent_last[0] * 1.0, routed)
    log = simulator.state.requests
    return float(factors.factors(estimate)[1]), float(
        (log.finish_s - log.reach_s)[0, :, 1].mean() - service_s[:, 1].mean()
    )


def test_equal_constant_services_in_a_row_leave_no_wait() -> None:
    """Departures of an M/D/1 queue are at least a service apart, so the next node is free when they come."""
    factor, wait_s = tandem_factor(np.full((12_000, 2), 0.8), 0.64)
    assert wait_s == pytest.approx(0.0, abs=1e-6)
    assert factor == FACTOR_BOUNDS[0]


def test_exponential_services_in_a_row_wait_like_single_queues() -> None:
    """The departures of an M/M/1 queue are Poisson (Burke 1956): the factor is 1."""
    factor, wait_s = tandem_factor(np.random.default_rng(1).exponential(0.8, (12_000, 2)), 2 * 0.64)
    assert wait_s == pytest.approx(3.2, rel=0.25)
    assert factor == pytest.approx(1.0, abs=0.3)


# Readers and experts


def test_the_reader_counts_requests_in_the_units_of_the_observation() -> None:
    """Features are relative to 9 mean arrivals per epoch; without routing, waits stay as they are."""
    reader, observation = StreamingReader(SCENARIO), by_hand()
    mean_arrivals = reader.constants.rate_per_s * SCENARIO.epoch_s
    observation["backlog"] = np.linspace(0.1, 0.9, 9, dtype=np.float32)
    observation["nodes"][:, NODE_FEATURES.index("sent")] = 0.5
    routed = Routed(np.zeros((9, 9)), np.full(9, 0.3), np.full(9, 0.1))
    waits = reader.update(reader.initial_estimate(), observation, routed).waits
    np.testing.assert_allclose(waits.backlog, observation["backlog"] * mean_arrivals, rtol=1e-6)
    np.testing.assert_allclose(waits.sent, 0.5 * mean_arrivals)
    np.testing.assert_allclose(waits.work, 0.15 * mean_arrivals / SCENARIO.epoch_s)
    assert reader.update(reader.initial_estimate(), observation).waits.weight == 0.0


def test_estimated_factors_enter_the_routing_problem_unless_one_is_given() -> None:
    reader, observation = StreamingReader(SCENARIO), by_hand()
    waits = WaitEstimate(
        np.full(9, 100.0), np.full(9, 100.0), *np.full((2, 9), 60.0), np.full(9, 50.0), np.zeros(9), 100.0
    )
    estimate = reader.initial_estimate()._replace(waits=waits)
    factor = reader.routing_problem(estimate, observation, 1.0).wait_factor
    np.testing.assert_array_equal(factor, reader.wait_factors.factors(waits))
    assert (factor[4:] < 1.0).all()
    fixed = StreamingReader(SCENARIO, wait_factor=0.4).routing_problem(estimate, observation, 1.0)
    np.testing.assert_array_equal(fixed.wait_factor, np.full(9, 0.4))


@pytest.mark.parametrize("wait_factor", [-0.1, np.nan, np.inf])
def test_a_wait_factor_is_finite_and_not_negative(wait_factor: float) -> None:
    for build in (
        lambda: StreamingReader(SCENARIO, wait_factor),
        lambda: CompositeReader(TWO_STAGES, wait_factor=wait_factor),
    ):
        with pytest.raises(ValueError, match=r"wait_factor must be finite and zero or more .*got"):
            build()


def test_the_expert_learns_factors_and_forgets_them_at_the_start_of_an_episode() -> None:
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 40})
    expert, state = make_expert("dto-ee", env), None
    observation, _ = env.reset(seed=0)
    for _ in range(40):
        action, state = expert.predict(observation, state)
        observation, *_ = env.step(action)
    rows = {key: np.stack([value, value]) for key, value in observation.items()}
    _, (kept, fresh) = expert.predict(rows, state * 2, episode_start=np.array([False, True]))
    assert kept.estimate.waits.weight == pytest.approx((1 - WAIT_DISCOUNT**40) / (1 - WAIT_DISCOUNT))
    assert (np.abs(kept.plan.problem.wait_factor[4:] - 1.0) > 1e-3).any()
    assert fresh.estimate.waits.weight == 0.0
    assert fresh.plan.problem.wait_factor.tolist() == [1.0] * 9


def test_the_setting_switches_the_estimate_off() -> None:
    env = gymnasium.make(ENVIRONMENT, overrides={"horizon_epochs": 5})
    observation, _ = env.reset(seed=0)
    expert, state = make_expert("dto-ee", env, wait_factor=1), None
    for _ in range(4):
        action, state = expert.predict(observation, state)
        observation, *_ = env.step(action)
    assert state[0].plan.problem.wait_factor.tolist() == [1.0] * 9
    joint = make_expert("fcfs+dto-ee", load_scenario("joint"), wait_factor=0.3)
    estimate = joint._reader.initial_estimate()
    assert (
        joint._reader.routing_problem(estimate, {}, 1.0).wait_factor.tolist()
        == [0.3] * joint.scenario.network.stage.size
    )
