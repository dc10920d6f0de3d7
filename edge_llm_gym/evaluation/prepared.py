"""A comparison that is ready to run: its environment can be built, and its policies act in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.jobs import Job, Progress, Setup, run_jobs
from edge_llm_gym.evaluation.policies import PolicySource
from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.evaluation.store import Records
from edge_llm_gym.evaluation.workers import Jobs
from edge_llm_gym.scenario import Scenario


@dataclass(frozen=True)
class Prepared:
    """Environment and policies of a comparison, which were tried; `bound` adds the clairvoyant bound of every tape."""

    setup: Setup
    sources: tuple[PolicySource, ...]
    bound: bool
    scenario: Scenario
    replay: Replay | None

    @classmethod
    def of(cls, setup: Setup, sources: Sequence[PolicySource], *, bound: bool = False) -> Self:
        """Raises ValueError or TypeError for settings, policies, gaps or bounds that do not fit the environment."""
        env = setup.check(sources, bound)
        simulator = env.unwrapped.simulator  # type: ignore[attr-defined]
        env.close()
        return cls(setup, tuple(sources), bound, simulator.scenario, Replay.of(simulator))

    def jobs(self, seeds: Sequence[int]) -> list[Job]:
        """One job per policy and seed, and per bound."""
        owners = (*self.sources, *((None,) if self.bound else ()))
        return [Job(source, seed) for seed in seeds for source in owners]

    def run(
        self, seeds: Sequence[int], records: Records, *, workers: Jobs = 1, progress: Progress | None = None
    ) -> Comparison:
        """Runs the episodes that have no record yet, keeps their records, and returns the comparison."""
        run_jobs(self.jobs(seeds), self.setup, records, workers=workers, progress=progress)
        episodes = {source.name: tuple(records[Job(source, seed).key] for seed in seeds) for source in self.sources}
        bounds = tuple(records[Job(None, seed).key]["bound"] for seed in seeds) if self.bound else ()
        return Comparison(self.setup.environment, tuple(seeds), episodes, bounds, self.scenario.variant, self.replay)
