"""What a study is: a paper's scheduler, its baselines, and settings that are swept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import gymnasium

from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.experts import Policy, make_expert

RATE: Final = "arrivals.rate_per_s"
SHORT_EPOCHS: Final = 5


@dataclass(frozen=True)
class Point:
    """One setting of a sweep: its label, and the overrides that make it."""

    label: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Settings along one axis. `key` is short and serves file names; the labels of a `numeric` sweep are numbers."""

    key: str
    title: str
    axis: str
    points: tuple[Point, ...]
    numeric: bool = True


@dataclass(frozen=True, kw_only=True)
class Study:
    """One paper's reconstruction: scenario, scheduler in question, baselines and sweeps.

    `measures` are names in `measures.MEASURES`, the decisive one first. `variants` names policies that are neither the
    scheduler in question nor baselines. `short` marks a trial run.
    """

    name: str
    title: str
    source: str
    environment: str
    scenario: str
    scheduler: str
    label: str
    policies: tuple[tuple[str, PolicyLike], ...]
    sweeps: tuple[Sweep, ...]
    measures: tuple[str, ...]
    variants: frozenset[str] = frozenset()
    horizon_epochs: int = 50
    short: bool = False

    def settings(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """What `compare` and `gymnasium.make` take for one setting of a sweep."""
        return {"scenario": self.scenario, "overrides": {"horizon_epochs": self.horizon_epochs} | dict(overrides)}

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the policies to be beaten: not the scheduler itself, nor our own variants of it."""
        return tuple(name for name, _ in self.policies if name not in {self.scheduler, *self.variants})

    @property
    def episodes_per_seed(self) -> int:
        """Episodes of the sweeps on one tape."""
        return len(self.policies) * sum(len(sweep.points) for sweep in self.sweeps)

    def shortened(self) -> Self:
        """A trial of the same study: few epochs, two settings of every sweep."""
        sweeps = tuple(replace(sweep, points=(sweep.points[0], sweep.points[-1])) for sweep in self.sweeps)
        return replace(self, sweeps=sweeps, horizon_epochs=SHORT_EPOCHS, short=True)


def expert(name: str, settings: dict[str, Any], env: gymnasium.Env) -> Policy:
    """An expert with settings of its own; with the first two arguments bound, a policy for `compare`."""
    return make_expert(name, env, **settings)


def rate_sweep(rates: tuple[float, ...]) -> Sweep:
    """Arrival rates of a scenario whose arrivals have one."""
    points = tuple(Point(f"{rate:g}", {RATE: rate}) for rate in rates)
    return Sweep("rate", "Arrival rate", "arrivals per second", points)
