"""Experts on many rows against the public solvers, called for the problem of one row after the other."""

from functools import cache

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding import batch_reader
from edge_llm_gym.experts import batch_action, make_expert
from edge_llm_gym.rows import split_rows
from edge_llm_gym.solvers import baselines, dftsp, ot_gah

ROWS = 12
ENERGY = {"reward": {"served_value": 1.0, "energy_j": -2e-4}}


@cache
def states(environment: str, epochs: int = 4, energy: bool = False):
    """The scenario, and the observation of native rows after some random epochs; the queues of some rows are short."""
    overrides = ENERGY if energy else {}
    envs = gymnasium.make_vec(environment, num_envs=ROWS, vectorization_mode="vector_entry_point", overrides=overrides)
    observation, _ = envs.reset(seed=7)
    envs.action_space.seed(7)
    for epoch in range(epochs):
        action = envs.action_space.sample()
        action["batch"] *= np.random.default_rng(epoch).random(action["batch"].shape) < 0.2
        observation, *_ = envs.step(action)
    observation = {key: np.array(value) for key, value in observation.items()}
    observation["request_mask"][0] = 0
    observation["request_mask"][1, 3:] = 0
    return envs.scenario, observation


def without_deadlines(problem):
    """As the definition of static batching says; see `StaticBatch`."""
    alone_s = problem.time_s + problem.shared_time_s
    in_time, unlimited_s = alone_s <= problem.budget_s, float(alone_s.sum()) + 1.0
    return problem.replace(
        uplink_share=np.where(in_time, problem.uplink_share, np.inf),
        budget_s=np.full(alone_s.size, unlimited_s),
        time_cap_s=unlimited_s,
    )


def static_batch(epoch, batch_size=8):
    node, order = np.zeros(epoch.waiting_s.size, np.int64), np.argsort(-epoch.waiting_s, kind="stable")
    for index, problem in enumerate(epoch.problem.nodes):
        if epoch.busy_s[index] <= 1e-6:
            waiting = order[node[order] == 0]
            chosen = baselines.first_fit(without_deadlines(problem), waiting, limit=batch_size)
            node[chosen] = index + 1
    return node


def node_by_node(epoch, node_limit=1_000_000):
    node = np.zeros(epoch.waiting_s.size, np.int64)
    for index, problem in enumerate(epoch.problem.nodes):
        left = node == 0
        best = dftsp.solve(problem.subset(left), node_limit=node_limit, urgency=epoch.urgent[left])
        node[np.flatnonzero(left)[best.selected]] = index + 1
    return node


def listed(key, limit=None):
    def schedule(epoch, node_rule="earliest-finish"):
        order = np.argsort(key(epoch), kind="stable")
        return baselines.assign_first_fit(epoch.problem, order, node_rule, limit=limit)

    return schedule


def residual_profits(epoch, node_limit=1_000_000, improve=True):
    return ot_gah.solve(epoch.problem, node_limit=node_limit, improve=improve).node


def alone_s(epoch):
    return np.min([node.time_s + node.shared_time_s for node in epoch.problem.nodes], axis=0)


DIRECT = {
    "fcfs": listed(lambda epoch: -epoch.waiting_s),
    "edf": listed(lambda epoch: epoch.time_left_s),
    "sjf": listed(alone_s),
    "nob": listed(lambda epoch: -epoch.waiting_s, limit=1),
    "stb": static_batch,
    "dftsp": node_by_node,
    "ot-gah": residual_profits,
}
"""Expert -> its schedule of one epoch, by the solvers of one problem."""
SETTINGS = {
    "edf": {"node_rule": "best-channel"},
    "stb": {"batch_size": 2},
    "dftsp": {"node_limit": 2},
    "ot-gah": {"node_limit": 3, "improve": False},
}
BATCHING = ("SingleNode", "MultiNode", "Continuous")


@pytest.mark.parametrize("energy", [False, True])
@pytest.mark.parametrize("environment", BATCHING)
@pytest.mark.parametrize("name", list(DIRECT))
def test_rows_equal_the_solvers_of_one_problem(environment, name, energy):
    scenario, observation = states(f"EdgeLLM/{environment}-v0", energy=energy)
    price = make_expert(name, scenario)._reader.energy_price
    reader = batch_reader(scenario, scenario.epoch_s, energy_price=price)
    assert (price.node > 0.0) == energy
    check(make_expert(name, scenario), reader, observation, DIRECT[name])


@pytest.mark.parametrize("name", list(SETTINGS))
def test_settings_reach_every_row(name):
    scenario, observation = states("EdgeLLM/MultiNode-v0")
    expert = make_expert(name, scenario, **SETTINGS[name])
    reader = batch_reader(scenario, scenario.epoch_s)
    check(expert, reader, observation, lambda epoch: DIRECT[name](epoch, **SETTINGS[name]))
    plain, _ = make_expert(name, scenario).predict(observation)
    assert (expert.predict(observation)[0]["batch"] != plain["batch"]).any()


@pytest.mark.parametrize(("environment", "name"), [("MultiNode", "ot-gah"), ("MultiNode", "stb"), ("Joint", "dftsp")])
@pytest.mark.parametrize("threads", [2, 5, 2 * ROWS])
def test_threads_do_not_change_decisions(environment, name, threads):
    """Each row is decided once, by the scheduler of one thread, also with more threads than rows."""
    scenario, observation = states(f"EdgeLLM/{environment}-v0")
    expert, plain = make_expert(name, scenario, num_threads=threads), make_expert(name, scenario)
    seen, assign = [], expert._assign._assign

    def watched(epochs):
        seen.append(len(epochs.waiting_s))
        return assign(epochs)

    expert._assign._assign = watched
    for rows in (observation, split_rows(observation)[2]):
        for (key, value), expected in zip(
            expert.predict(rows)[0].items(), plain.predict(rows)[0].values(), strict=True
        ):
            np.testing.assert_array_equal(value, expected, err_msg=key)
    assert sum(seen[:-1]) == ROWS
    assert len(seen) == min(threads, ROWS) + 1


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_are_a_whole_number(threads):
    scenario, _ = states("EdgeLLM/MultiNode-v0")
    with pytest.raises(ValueError, match="num_threads must be"):
        make_expert("edf", scenario, num_threads=threads)


def test_random_decisions_have_no_threads():
    scenario, _ = states("EdgeLLM/MultiNode-v0")
    with pytest.raises(TypeError, match="no setting 'num_threads'"):
        make_expert("random", scenario, num_threads=2)


def check(expert, reader, observation, schedule):
    """Actions of all rows equal those by `schedule`, and those for one row at a time."""
    action, _ = expert.predict(observation)
    for row, one in enumerate(split_rows(observation)):
        epoch, visible = reader.read(one), one["request_mask"].astype(bool)
        for expected in (batch_action(epoch, schedule(epoch), visible), expert.predict(one)[0]):
            for key, value in expected.items():
                np.testing.assert_array_equal(action[key][row], value)
                assert action[key].dtype == value.dtype
    assert action["batch"].any()
    assert not action["batch"][0].any()


def test_kernels_are_compiled_once_for_all_numbers_of_rows_and_nodes():
    """One memory layout: arrays of one row or of one node are neither of another order nor read-only."""
    kernels = (ot_gah.rows._solve_rows, dftsp.rows._solve_rows, baselines._first_fit)
    seen = []
    for environment in ("EdgeLLM/MultiNode-v0", "EdgeLLM/SingleNode-v0"):
        scenario, observation = states(environment)
        for rows in (observation, split_rows(observation)[2]):
            for name in ("ot-gah", "dftsp", "edf", "stb"):
                make_expert(name, scenario).predict(rows)
            seen.append([len(kernel.signatures) for kernel in kernels])
    assert min(seen[0]) >= 1
    assert seen == [seen[0]] * 4


@pytest.mark.parametrize("name", ["ot-gah+dto-ee", "dftsp", "sjf+no-exit"])
def test_composite_experts_decide_each_row_as_if_it_were_alone(name):
    """Two epochs, so that memories differ; the single rows have one expert each."""
    scenario, observation = states("EdgeLLM/Joint-v0")
    some = {key: value[:4] for key, value in observation.items()}
    expert, state = make_expert(name, scenario, replan_every=2), None
    singles, memories = [make_expert(name, scenario, replan_every=2) for _ in range(4)], [None] * 4
    for _ in range(2):
        action, state = expert.predict(some, state)
        for row, one in enumerate(split_rows(some)):
            alone, memories[row] = singles[row].predict(one, memories[row])
            for key, value in alone.items():
                np.testing.assert_array_equal(action[key][row], value)
        some = {key: value[::-1] for key, value in some.items()}
        memories, state = memories[::-1], state[::-1]
        singles = singles[::-1]
    assert action["batch"].any()


def test_rows_are_independent_unless_decisions_are_random():
    scenario, _ = states("EdgeLLM/MultiNode-v0")
    stream, pooled = "EdgeLLM/EarlyExit-v0", "EdgeLLM/Joint-v0"
    names = {"edf": True, "ot-gah": True, "random": False}
    assert {name: make_expert(name, scenario).independent_rows for name in names} == names
    assert make_expert("ot-gah+dto-ee", gymnasium.make(pooled)).independent_rows
    assert not make_expert("random", gymnasium.make(pooled)).independent_rows
    streaming = {name: make_expert(name, gymnasium.make(stream)).independent_rows for name in ("dto-ee", "genetic")}
    assert streaming == {"dto-ee": True, "genetic": False}
