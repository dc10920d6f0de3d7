"""Data of a study: scenario, scheduler, baselines and parameter sweeps."""

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
    """One setting of a sweep: its label and the scenario overrides that produce it."""

    label: str
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """Settings along one axis. `key` is an identifier; the labels of a `numeric` sweep are numbers."""

    key: str
    title: str
    axis: str
    points: tuple[Point, ...]
    numeric: bool = True


@dataclass(frozen=True, kw_only=True)
class Study:
    """Settings of one reproduction.

    `measures` are names in `measures.MEASURES`, the primary one first. `variants` names policies that are neither the
    scheduler under study nor baselines. `short` marks a trial run.
    """

    name: str
    environment: str
    scenario: str
    scheduler: str
    policies: tuple[tuple[str, PolicyLike], ...]
    sweeps: tuple[Sweep, ...]
    measures: tuple[str, ...]
    variants: frozenset[str] = frozenset()
    horizon_epochs: int = 50
    short: bool = False

    def settings(self, overrides: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of `compare` and `gymnasium.make` for one setting of a sweep."""
        return {"scenario": self.scenario, "overrides": {"horizon_epochs": self.horizon_epochs} | dict(overrides)}

    @property
    def policy_names(self) -> tuple[str, ...]:
        """Names of all policies of the sweeps, the scheduler under study included."""
        return tuple(name for name, _ in self.policies)

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the policies that the scheduler is compared with; its variants are not among them."""
        return tuple(name for name in self.policy_names if name not in {self.scheduler, *self.variants})

    @property
    def episodes_per_seed(self) -> int:
        """Number of episodes that the sweeps run per seed."""
        return len(self.policies) * sum(len(sweep.points) for sweep in self.sweeps)

    def shortened(self) -> Self:
        """The same study as a trial run: few epochs and two settings per sweep."""
        sweeps = tuple(replace(sweep, points=(sweep.points[0], sweep.points[-1])) for sweep in self.sweeps)
        return replace(self, sweeps=sweeps, horizon_epochs=SHORT_EPOCHS, short=True)


def expert(name: str, settings: dict[str, Any], env: gymnasium.Env) -> Policy:
    """An expert with explicit settings; with the first two arguments bound, a policy for `compare`."""
    return make_expert(name, env, **settings)


def rate_sweep(rates: tuple[float, ...]) -> Sweep:
    """Sweep over the arrival rate [1/s]."""
    points = tuple(Point(f"{rate:g}", {RATE: rate}) for rate in rates)
    return Sweep("rate", "Arrival rate", "arrivals per second", points)
