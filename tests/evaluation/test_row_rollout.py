"""Episodes as native rows against the same episodes of single environments."""

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from edge_llm_gym.evaluation import compare
from edge_llm_gym.evaluation.causes import cause_recorder
from edge_llm_gym.evaluation.jobs import Job, RowJobs, Setup, grouped
from edge_llm_gym.evaluation.policies import policy_sources
from edge_llm_gym.evaluation.rollout import run_episode
from edge_llm_gym.evaluation.row_rollout import MOST_REQUESTS, MOST_ROWS, row_count, run_row_episodes
from edge_llm_gym.experts import make_expert
from edge_llm_gym.linear import make_linear
from edge_llm_gym.scenario import load_scenario

SHORT = {"horizon_epochs": 5}
SEEDS = (5, 0, 9)
PLAYED = (
    ("SingleNode", "edf"),
    ("MultiNode", "ot-gah"),
    ("MultiNode", "linear"),
    ("Continuous", "sjf"),
    ("EarlyExit", "bandwidth-proportional"),
    ("EarlyExit", "linear"),
    ("Joint", "fcfs+no-exit"),
)


def exact(episode):
    """All numbers but the wall time, as text, which is exact and equal for NaN."""
    return {key: repr(value) for key, value in episode.items() if key != "decision_ms"}


def recorded(env, policy, seed):
    recorder = cause_recorder(env.unwrapped.scenario)
    episode = run_episode(env, policy, seed, recorder=recorder)
    return episode | recorder.metrics(env.unwrapped.simulator)


def policy_for(name, env):
    return make_linear(env.unwrapped.scenario) if name == "linear" else make_expert(name, env)


@pytest.mark.parametrize(("environment", "name"), PLAYED)
def test_rows_equal_episodes_of_the_single_environment(environment, name):
    made = f"EdgeLLM/{environment}-v0"
    env = gymnasium.make(made, overrides=SHORT)
    envs = gymnasium.make_vec(
        made,
        num_envs=len(SEEDS),
        vectorization_mode="vector_entry_point",
        autoreset_mode=AutoresetMode.DISABLED,
        overrides=SHORT,
    )
    policy = policy_for(name, env)
    assert policy.independent_rows
    scenario = env.unwrapped.scenario
    together = run_row_episodes(envs, policy, SEEDS, lambda: cause_recorder(scenario))
    alone = [recorded(env, policy_for(name, env), seed) for seed in SEEDS]
    assert [exact(one) for one in together] == [exact(one) for one in alone]
    assert len({str(exact(one)) for one in together}) == len(SEEDS)
    assert all(one["decision_ms"] > 0.0 for one in together)


class Counting:
    """Requests wait; notes the number of rows of every call."""

    def __init__(self, rows_seen, independent):
        self.rows_seen, self.independent_rows = rows_seen, independent

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        mask = np.asarray(observation["request_mask"])
        self.rows_seen.append(mask.shape[:-1])
        return {"batch": np.zeros(mask.shape, np.int64), "bandwidth": np.zeros((*mask.shape, 2), np.float32)}, None


@pytest.mark.parametrize(("independent", "gap_every", "shape"), [(True, None, (4,)), (False, None, ()), (True, 2, ())])
def test_compare_runs_seeds_as_rows_where_it_can(independent, gap_every, shape):
    """A gap is measured in the single environment."""
    seen = []
    policies = [("counting", Counting(seen, independent)), "random"]
    calls = []
    compare(
        "EdgeLLM/SingleNode-v0",
        policies,
        seeds=range(4),
        overrides=SHORT,
        gap_every=gap_every,
        progress=lambda *at: calls.append(at),
    )
    assert set(seen) == {shape}
    assert len(seen) == 5 * (1 if shape else 4)
    assert calls == [(done, 8) for done in range(1, 9)]


def test_groups_cover_every_job_once_and_are_at_least_one_for_each_process():
    setup = Setup("EdgeLLM/SingleNode-v0", {"overrides": SHORT})
    sources = policy_sources(["edf", "random"])
    jobs = [Job(source, seed) for seed in range(MOST_ROWS + 4) for source in (*sources, None)]
    work = grouped(jobs, setup)
    rows = [one for one in work if isinstance(one, RowJobs)]
    assert [len(one.jobs) for one in rows] == [MOST_ROWS // 2 + 2] * 2
    assert {job.source.name for one in rows for job in one.jobs} == {"edf"}
    keys = [job.key for one in work for job in (one.jobs if isinstance(one, RowJobs) else [one])]
    assert sorted(map(str, keys)) == sorted(str(job.key) for job in jobs)
    assert sum(isinstance(one, RowJobs) for one in grouped(jobs, setup, processes=3)) == 3
    assert not any(isinstance(one, RowJobs) for one in grouped(jobs[:3], setup, processes=3))


def test_rows_are_fewer_where_episodes_are_long():
    long = load_scenario("single-node", {"arrivals": {"process": "poisson", "rate_per_s": 1000.0}})
    requests = 1000.0 * long.epoch_s * long.horizon_epochs
    assert 1 <= row_count(long) == MOST_REQUESTS // requests < MOST_ROWS
    assert row_count(load_scenario("single-node")) == MOST_ROWS
