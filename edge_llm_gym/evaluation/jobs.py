"""The jobs of a comparison: episodes of policies, and clairvoyant bounds, each on the tape of one seed."""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import gymnasium
from gymnasium.vector import AutoresetMode

from edge_llm_gym.evaluation.bounds import clairvoyant_bound, require_bound
from edge_llm_gym.evaluation.causes import cause_recorder
from edge_llm_gym.evaluation.gap import EpochGap
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.rollout import Episode, run_episode
from edge_llm_gym.evaluation.row_rollout import acts_on_rows, row_count, run_row_episodes
from edge_llm_gym.evaluation.store import Key, Records
from edge_llm_gym.evaluation.workers import Jobs, Workers, in_workers, workers_of
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_of

Progress = Callable[[int, int], None]
"""Called with the number of finished jobs and the number of all jobs."""
Finished = Generator[list[tuple[Key, Episode]], None, None]
"""Keys and records of the jobs that finish together; closing it ends the worker processes."""


@dataclass(frozen=True)
class Setup:
    """How to build the environment of a comparison, in any process."""

    environment: str
    settings: Mapping[str, Any]
    gap_every: int | None = None

    def scenario(self) -> Scenario:
        """The scenario of the environment. Raises ScenarioError for an invalid one."""
        source = self.settings.get("scenario", ENVIRONMENTS[self.environment])
        return load_scenario(source, self.settings.get("overrides"))

    def make(self) -> gymnasium.Env:
        """A new environment."""
        assert self.environment in ENVIRONMENTS  # importing the package registered the ids in this process
        env = gymnasium.make(self.environment, **self.settings)
        return env if self.gap_every is None else EpochGap(env, self.gap_every)

    def make_rows(self, rows: int) -> gymnasium.vector.VectorEnv:
        """A new native vector environment without automatic resets."""
        return gymnasium.make_vec(
            self.environment,
            num_envs=rows,
            vectorization_mode="vector_entry_point",
            autoreset_mode=AutoresetMode.DISABLED,
            **self.settings,
        )

    def rows_for(self, source: PolicySource | None) -> int:
        """Number of episodes of a policy that are run at once; 1 for one that decides row by row."""
        if source is None or self.gap_every is not None:
            return 1
        env = self.make()
        return row_count(self.scenario()) if acts_on_rows(source.make(env, 0)) else 1

    def check(self, sources: Sequence[PolicySource], bound: bool) -> gymnasium.Env:
        """An environment. Raises ValueError for settings, policies, gaps or bounds that do not fit it."""
        env = self.make()
        if bound:
            require_bound(env.unwrapped.scenario)  # type: ignore[attr-defined]
        for source in sources:
            source.make(env, 0)
        return env


@dataclass(frozen=True)
class Job:
    """A policy and a seed; no policy stands for the clairvoyant bound of the seed's tape."""

    source: PolicySource | None
    seed: int

    @property
    def key(self) -> Key:
        """Under which the result is kept."""
        return ("bound", self.seed) if self.source is None else ("episode", self.source.name, self.seed)

    def run(self, env: gymnasium.Env) -> Episode:
        """The metrics of the episode, with the causes of what was not served, or the bound under the name "bound"."""
        if self.source is not None:
            recorder = cause_recorder(scenario_of(env))
            episode = run_episode(env, self.source.make(env, self.seed), self.seed, recorder=recorder)
            return episode | recorder.metrics(env.unwrapped.simulator)  # type: ignore[attr-defined]
        env.reset(seed=self.seed)
        return {"bound": clairvoyant_bound(env.unwrapped.simulator)}  # type: ignore[attr-defined]


@dataclass(frozen=True)
class RowJobs:
    """Jobs of one policy, run as rows at once."""

    jobs: tuple[Job, ...]

    def run(self, setup: Setup) -> list[tuple[Key, Episode]]:
        """Key and record of each job."""
        (source,), seeds = {job.source for job in self.jobs}, [job.seed for job in self.jobs]
        assert source is not None
        policy = source.make(setup.make(), seeds[0])
        envs = setup.make_rows(len(seeds))
        episodes = run_row_episodes(envs, policy, seeds, partial(cause_recorder, scenario_of(envs)))
        return list(zip((job.key for job in self.jobs), episodes, strict=True))


def run_jobs(
    jobs: Sequence[Job], setup: Setup, records: Records, *, workers: Jobs = 1, progress: Progress | None = None
) -> None:
    """Runs the jobs that have no record yet, and keeps a record of each as soon as it is finished.

    Episodes of a policy that acts on rows are run as rows, several at once.
    """
    missing = [job for job in jobs if job.key not in records]
    done, report = len(jobs) - len(missing), progress or (lambda done, of: None)
    if done:
        report(done, len(jobs))
    if not missing:
        return
    with closing(_finished(missing, setup, workers_of(workers))) as results:
        for finished in results:
            for key, episode in finished:
                records.add(key, episode)
                done += 1
                report(done, len(jobs))


def grouped(jobs: Sequence[Job], setup: Setup, processes: int = 1) -> list[Job | RowJobs]:
    """The jobs that are run as rows in groups, at least one for each process, then the others in their order."""
    of_policy: dict[str, list[Job]] = {}
    for job in jobs:
        if job.source is not None:
            of_policy.setdefault(job.source.name, []).append(job)
    groups: list[RowJobs] = []
    for own in of_policy.values():
        rows = setup.rows_for(own[0].source) if len(own) > 1 else 1
        if rows > 1:
            count = max(-(-len(own) // rows), min(processes, len(own)))
            groups += [RowJobs(tuple(own[index::count])) for index in range(count)]
    in_groups = {job.key for group in groups for job in group.jobs}
    return [*groups, *(job for job in jobs if job.key not in in_groups)]


def _finished(jobs: Sequence[Job], setup: Setup, workers: Workers) -> Finished:
    work = grouped(jobs, setup, workers.count())
    if workers.in_this_process:
        return _in_turn(work, setup)
    return in_workers(partial(_in_worker, setup), work, workers)


def _in_turn(work: Sequence[Job | RowJobs], setup: Setup) -> Finished:
    env = setup.make()
    for job in work:
        yield job.run(setup) if isinstance(job, RowJobs) else [(job.key, job.run(env))]


def _in_worker(setup: Setup, job: Job | RowJobs) -> list[tuple[Key, Episode]]:
    return job.run(setup) if isinstance(job, RowJobs) else [(job.key, job.run(setup.make()))]
