"""Claimed against realised quality of answers with early exits."""

from functools import cache

import gymnasium as gym
import numpy as np
import pytest

from edge_llm_gym.experts import make_expert
from edge_llm_gym.experts.catalogue import COMPOSITES
from edge_llm_gym.scenario import load_scenario
from edge_llm_gym.scenario.metrics import ROUTING_COLUMN
from edge_llm_gym.sim.outcomes import BELOW_QUALITY
from edge_llm_gym.sim.simulator import Simulator
from tests.sim.pooled.routing_by_hand import quality_at

PROFILE = "code-lines"
claim_of = cache(quality_at)


def answers_of_last_epoch(simulator: Simulator, row: int, threshold: np.ndarray) -> list[tuple[float, float, bool]]:
    """Claimed quality, correctness times quality factor, and correctness of the last exit of each computed request."""
    state, exits, epoch = simulator.state, simulator.tape.exits, int(simulator.state.epoch[row])
    first, end = state.admissions.until[row, epoch - 1 : epoch + 1]
    answers = []
    for request in state.admissions.request[row, first:end]:
        path = [node - 1 for node in state.requests.node[row, request] if node]
        factor = float(min(simulator.parameters.quality[node] for node in path))
        block = int(state.requests.exit_block[row, request]) - 1
        claim = claim_of(PROFILE, block, float(threshold[path[-1]]), factor)
        answers.append((claim, factor * exits.correct[row, request, block], exits.correct[row, request, -1]))
    return answers


def difference(answers: list[tuple[float, float, bool]]) -> tuple[float, float]:
    """Claimed minus realised quality of the requests that the last exit answers correctly, and its standard error.

    The realised quality is the number of correct answers, weighted with the quality factors, over `full`, the number of
    those that the last exit gives to the same requests. The error is that of a ratio of sums (delta method).
    """
    claim, correct, full = np.array(answers, float).T
    assert full.sum() > 500
    gap = claim * full - correct
    mean = gap.sum() / full.sum()
    return mean, np.sqrt(((gap - mean * full) ** 2).sum()) / full.sum()


def test_claims_hold_under_thresholds_of_all_kinds():
    """Every visible request joins some batch; thresholds are drawn per node and epoch, as a learner explores them."""
    simulator, rng, answers = (
        Simulator(load_scenario("joint", {"exits.profile": PROFILE}), rows=40),
        np.random.default_rng(0),
        [],
    )
    levels = np.float32([0.0, 0.3, 0.5, 0.7, 0.9])
    for row in range(simulator.rows):
        simulator.reset(row, rng)
    while not simulator.ended().any():
        shape = simulator.rows, simulator.nodes
        batch = rng.integers(1, 5, (simulator.rows, simulator.scenario.slots))
        threshold, offload = rng.choice(levels, shape), np.ones((*shape, simulator.nodes), np.float32)
        simulator.step(batch, np.ones((*batch.shape, 2)), offload, threshold)
        for row in range(simulator.rows):
            answers += answers_of_last_epoch(simulator, row, threshold[row])
    assert len(answers) > 10_000
    gap, error = difference(answers)
    assert error < 0.01
    assert abs(gap) < 0.02


def test_demands_bind_where_thresholds_are_too_low():
    scenario, below = load_scenario("joint", {"exits.profile": PROFILE, "requests.accuracy": [0.85, 0.9]}), {}
    for level in (0.0, 0.9):
        simulator = Simulator(scenario, rows=4)
        for row in range(simulator.rows):
            simulator.reset(row, np.random.default_rng(row))
        batch, nodes = np.ones((simulator.rows, scenario.slots), np.int64), simulator.nodes
        offload = np.ones((simulator.rows, nodes, nodes), np.float32)
        for _ in range(30):
            simulator.step(
                batch, np.ones((*batch.shape, 2)), offload, np.full((simulator.rows, nodes), level, np.float32)
            )
        below[level] = (simulator.state.requests.outcome == BELOW_QUALITY).sum()
        late_or_served = simulator.state.totals[:, [ROUTING_COLUMN["served"], ROUTING_COLUMN["late"]]].sum()
        assert below[level] + late_or_served > 50
    assert below[0.0] > 20
    assert below[0.9] == 0


@pytest.mark.slow
@pytest.mark.parametrize("expert", sorted(COMPOSITES))
def test_claims_hold_under_every_composite_expert(expert):
    """Twenty seeds of the shipped scenario; within 0.02, up to twice the standard error of the realised quality."""
    answers = []
    env = gym.make("EdgeLLM/Joint-v0")
    for seed in range(20):
        policy, ended, state = make_expert(expert, env), False, None
        observation, _ = env.reset(seed=seed)
        start = np.array([True])
        while not ended:
            action, state = policy.predict(observation, state, start)
            observation, _, terminated, truncated, _ = env.step(action)
            ended, start = terminated or truncated, np.array([False])
            answers += answers_of_last_epoch(env.unwrapped.simulator, 0, np.asarray(action["threshold"], np.float32))
    gap, error = difference(answers)
    assert error < 0.015
    assert abs(gap) < 0.02 + 2.0 * error
