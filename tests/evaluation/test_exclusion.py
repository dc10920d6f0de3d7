"""Limits that requests would exceed by joining a batch: by hand, and against the loads of batch problems."""

from functools import partial

import gymnasium
import numpy as np
import pytest

import edge_llm_gym  # noqa: F401 - registers the ids
from edge_llm_gym.decoding.batching import BatchingArrays
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.evaluation.exclusion import RESOURCES, cause_shares, exceeded_by_joining, exclusions, limit_reader
from edge_llm_gym.experts import make_expert
from edge_llm_gym.problems.feasibility import within_limit
from edge_llm_gym.sim.outcomes import REFUSED_UPLINK

FOUR = ("time", "memory", "uplink", "downlink")


def rows_of(**fields) -> BatchingArrays:
    """One row of one node; other fields are not used."""
    arrays = {name: np.array(values, float).reshape(1, -1, 1) for name, values in fields.items()}
    unused = dict.fromkeys(set(BatchingArrays._fields) - set(arrays))
    return BatchingArrays(**(unused | arrays | {"free_kv_bytes": np.array([[5.0]])}))


def test_by_hand():
    rows = rows_of(
        time_s=[1.0, 1.0, 5.0, 1.0, 1.0],
        shared_time_s=[0.5, 0.0, 0.0, 0.0, 1.75],
        kv_bytes=[1.0, 9.0, 1.0, 4.0, 1.0],
        uplink_share=[0.5, 0.1, 0.1, 0.6, np.inf],
        downlink_share=[0.5, 0.1, 0.6, 0.5, 0.1],
        budget_s=[3.5, 9.0, 9.0, 2.5, 9.0],
    )
    admitted = np.array([[1, 0, 0, 0, 0]])
    assert exceeded_by_joining(rows, np.array([[np.inf]]), admitted)[0, 1:, 0].tolist() == [
        [False, True, False, False],
        [True, False, False, True],  # 6.5 s, beyond the budget of the member
        [False, False, True, False],  # 2.5 s and 5 bytes fit exactly
        [True, False, True, False],  # 2 s and its own shared time of 1.75 s
    ]
    assert exceeded_by_joining(rows, np.array([[2.25]]), admitted)[0, 1:, 0, 0].tolist() == [True] * 4


def loads_of(problem, node, admitted):
    """[N, 4] the same, request by request, from the loads of the batch with the request in it."""
    rows = []
    for request in range(admitted.size):
        joined = (admitted == node + 1) | (np.arange(admitted.size) == request)
        rows.append([not within_limit(used, limit) for used, limit in problem.loads(joined).values()])
    return np.array(rows)


def decisions(env, policy, epochs):
    """Observation, slots that are not admitted, and entry nodes [N] of the admitted ones, for some epochs."""
    observation, _ = env.reset(seed=3)
    for _ in range(epochs):
        before, (action, _) = observation, policy.predict(observation)
        observation, _, _, _, info = env.step(action)
        refused = info["slots"]["outcome"] >= REFUSED_UPLINK
        admitted = np.where((before["request_mask"] == 1) & ~refused, action["batch"], 0)
        yield before, (before["request_mask"] == 1) & (admitted == 0), admitted


@pytest.mark.parametrize("policy", ["edf", "random"])
@pytest.mark.parametrize("environment", ["EdgeLLM/MultiNode-v0", "EdgeLLM/Joint-v0", "EdgeLLM/Continuous-v0"])
def test_as_the_loads_of_batch_problems(environment, policy):
    env = gymnasium.make(environment, overrides={"slots": 12})
    scenario = env.unwrapped.scenario
    reader = batch_reader(scenario)
    seen = list(decisions(env, make_expert(policy, env, seed=0), epochs=6))
    observation = {key: np.stack([one[key] for one, _, _ in seen]) for key in seen[0][0]}
    found = exclusions(limit_reader(scenario), observation, np.stack([admitted for _, _, admitted in seen]))
    exceeded = np.zeros(len(RESOURCES), int)
    for (before, left, admitted), one in zip(seen, found, strict=True):
        visible = before["request_mask"] == 1
        problem = reader.read(before).problem
        rows = np.flatnonzero(left[visible])
        for node, single in enumerate(problem.nodes):
            # In a batch problem, a node of too low quality has no time; members without it would hide other limits.
            if (single.budget_s[admitted[visible] == node + 1] == -1.0).any():
                continue
            expected = loads_of(single, node, admitted[visible])[rows]
            got = one[left, node]
            np.testing.assert_array_equal(got[:, 0] | got[:, 4], expected[:, 0])
            np.testing.assert_array_equal(got[:, 1:4], expected[:, 1:])
            np.testing.assert_array_equal(got[:, 4], single.budget_s[rows] == -1.0)
            exceeded += got.sum(axis=0)
    assert (exceeded > 0).sum() >= 3


def test_a_node_of_too_low_quality_may_have_time():
    env = gymnasium.make("EdgeLLM/MultiNode-v0")
    scenario = env.unwrapped.scenario
    reader = batch_reader(scenario)
    observation, _ = env.reset(seed=0)
    count = observation["request_mask"].sum()
    rows = {key: array[None] for key, array in observation.items()}
    found = exclusions(reader, rows, np.zeros((1, scenario.slots), int))[0, :count]
    epoch = reader.read(observation)
    slots_s = scenario.uplink_slot_s + scenario.downlink_slot_s
    alone_s = np.stack([node.time_s + node.shared_time_s for node in epoch.problem.nodes], axis=1)
    np.testing.assert_array_equal(found[..., 0], alone_s > epoch.time_left_s[:, None] - epoch.busy_s - slots_s)
    assert (found[..., 4] & ~found[..., 0]).any()
    assert (found[..., 4] & found[..., 0]).any()


def test_causes_are_shared_among_the_closest_nodes():
    flags = partial(np.isin, RESOURCES)
    excluded = np.array(
        [
            [flags(["memory"]), flags(["time", "uplink"])],
            [flags(["memory"]), flags(["time"])],
            [flags(["time", "memory"]), flags(["time", "quality"])],
            [flags([]), flags(["time"])],
        ]
    )
    time, memory, quality = (np.isin(RESOURCES, [name]).astype(float) for name in ("time", "memory", "quality"))
    np.testing.assert_allclose(
        cause_shares(excluded),
        [memory, (memory + time) / 2, time / 2 + memory / 4 + quality / 4, np.zeros(len(RESOURCES))],
    )
