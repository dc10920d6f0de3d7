"""Runs sweeps: the same policies on the same seeds at every point of a grid."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Self, Unpack

from edge_llm_gym.evaluation.compare import OwnSettings, Settings, opened, setup_of
from edge_llm_gym.evaluation.identity import Identity, identity_of, own_identities
from edge_llm_gym.evaluation.jobs import Progress
from edge_llm_gym.evaluation.policies import PolicyLike, policy_sources
from edge_llm_gym.evaluation.prepared import Prepared
from edge_llm_gym.evaluation.rollout import metric_names
from edge_llm_gym.evaluation.store import EpisodeStore, Key, Record, Records
from edge_llm_gym.evaluation.sweeps.grid import Grid, Overrides, at_point, make_grid
from edge_llm_gym.evaluation.sweeps.result import Sweep, default_metrics
from edge_llm_gym.evaluation.workers import Jobs
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.settings import APPEND

Policies = Sequence[PolicyLike | tuple[str, PolicyLike]]


def sweep(
    environment: str,
    policies: Iterable[PolicyLike | tuple[str, PolicyLike]],
    parameters: Mapping[str, Iterable[Any]],
    seeds: Iterable[int] = range(30),
    *,
    jobs: Jobs = 1,
    progress: Progress | None = None,
    store: EpisodeStore | str | Path | None = None,
    **settings: Unpack[Settings],
) -> Sweep:
    """Compares policies at every value of one parameter of the scenario, or at all pairs of values of two.

    Every point is an environment of its own, so parameters may change shapes. All points and policies have the same
    seeds.

    Args:
        environment: a registered id, as for `gymnasium.make`.
        policies: as for `compare`; the others are compared with the first one (see `Sweep.shown`).
        parameters: values by dotted path, as in {"arrivals.rate_per_s": [1, 2, 4, 8]}.
        seeds: seeds of the episodes.
        jobs: number of processes, or workers, as for `compare`.
        progress: called after every finished episode, and at first if a store holds some.
        store: a folder that keeps every finished episode, as for `compare`. The same call continues there after an
            interruption, and may have further seeds, policies and values of the parameters.
        settings: as for `compare`; `overrides` apply to every point.

    Raises ValueError before the first episode where `compare` would at any point, and for parameters that are no one or
    two paths with values, that are among the overrides, or that leave two points with the same scenario; ScenarioError
    for values that the scenario does not take.
    """
    known_name("environment", environment, ENVIRONMENTS)
    source, fixed = settings.get("scenario"), dict(settings.get("overrides") or {})
    own = OwnSettings(reward=settings.get("reward"), features=settings.get("features"))
    base = ENVIRONMENTS[environment] if source is None else source

    def resolved(values: Overrides) -> Scenario:
        return load_scenario(base, merged(fixed, values))

    grid = make_grid(parameters, resolved)
    prepared = PreparedSweep.of(environment, tuple(policies), grid, own, settings.get("gap_every"))
    return prepared.run(tuple(seeds), store=store, workers=jobs, progress=progress)


def merged(fixed: Overrides, swept: Overrides) -> dict[str, Any]:
    """Overrides of a point. Raises ValueError for a path in both."""
    if both := [path for path in swept if path in fixed]:
        raise ValueError(f"a parameter is either fixed or swept, got both of {both[0]!r}; leave out one of the two")
    return {**fixed, **swept}


@dataclass(frozen=True)
class PreparedSweep:
    """Comparisons at all points of a grid, whose environments and policies were tried."""

    environment: str
    grid: Grid
    points: tuple[Prepared, ...]
    metrics: tuple[str, ...]
    """Names of the metrics that episodes have at every point."""

    @classmethod
    def of(
        cls, environment: str, policies: Policies, grid: Grid, own: OwnSettings, gap_every: int | None = None
    ) -> Self:
        """Raises ValueError for policies and settings that do not fit a point, and names the point."""
        points = []
        for point in grid.points:
            with at_point(point.label):
                settings = Settings(scenario=point.scenario, overrides=None, gap_every=gap_every, **own)
                sources = policy_sources(policies, point.scenario)
                points.append(Prepared.of(setup_of(environment, settings), sources))
        return cls(environment, grid, tuple(points), _metrics(points))

    def run(
        self,
        seeds: Sequence[int],
        *,
        store: EpisodeStore | str | Path | None = None,
        workers: Jobs = 1,
        progress: Progress | None = None,
    ) -> Sweep:
        """Runs the episodes that the store does not hold, point by point. Raises ValueError for no seeds."""
        if not seeds:
            raise ValueError("a sweep needs at least one seed, got none; pass for example seeds=range(30)")
        records = opened(store, self._identity)
        counts = [len(point.jobs(seeds)) for point in self.points]
        begins = accumulate(counts, initial=0)
        comparisons = tuple(
            prepared.run(
                seeds,
                PointRecords(records, point.key),
                workers=workers,
                progress=_shifted(progress, begin, sum(counts)),
            )
            for prepared, point, begin in zip(self.points, self.grid.points, begins, strict=False)
        )
        names = tuple(source.name for source in self.points[0].sources)
        metrics = default_metrics(comparisons[0].layout)
        return Sweep(self.environment, self.grid, names, comparisons, metrics, names[0])

    def _identity(self) -> Identity:
        """What the records of a store depend on beside their points, which are part of their keys."""
        first = self.points[0]
        identity = identity_of(
            self.environment,
            first.scenario,
            first.sources,
            swept=[parameter.path for parameter in self.grid.parameters],
            gap_every=first.setup.gap_every,
            **own_identities(first.setup.settings),
        )
        scenario = identity.settings["scenario"]
        for parameter in self.grid.parameters:
            _remove(scenario, parameter.path.removesuffix(APPEND).split("."))
        return identity


@dataclass(frozen=True)
class PointRecords:
    """The records of one point among those of a sweep."""

    records: Records
    point: str

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and (*key, self.point) in self.records

    def __getitem__(self, key: Key) -> Record:
        return self.records[(*key, self.point)]

    def add(self, key: Key, record: Record) -> None:
        """Keeps a record."""
        self.records.add((*key, self.point), record)


def _metrics(points: Iterable[Prepared]) -> tuple[str, ...]:
    """Metrics of all points, in the order of the first one; points of one variant of the dynamics have the same."""
    variants = {(point.scenario.variant, point.scenario.metrics): point for point in points}
    first, *others = (metric_names(point.setup.make()) for point in variants.values())
    return tuple(name for name in first if all(name in names for names in others))


def _shifted(progress: Progress | None, begin: int, total: int) -> Progress | None:
    """The progress of all points, from that of the one which begins after so many jobs."""
    return None if progress is None else lambda done, _: progress(begin + done, total)


def _remove(data: Any, parts: Sequence[str]) -> None:
    """Removes what is at a path of plain data, if it is there."""
    *parents, last = parts
    for part in parents:
        data = _child(data, part)
    if isinstance(data, dict):
        data.pop(last, None)
    elif isinstance(data, list) and last.isdigit() and int(last) < len(data):
        data[int(last)] = None


def _child(data: Any, part: str) -> Any:
    if isinstance(data, list):
        return data[int(part)] if part.isdigit() and int(part) < len(data) else None
    return data.get(part) if isinstance(data, dict) else None
