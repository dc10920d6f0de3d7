"""The study of DTO-EE, as data: loads, unlike nodes, a disturbance in mid-run, and the trade-off's two weights."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Self

import gymnasium
import numpy as np

from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.reproduce.measures import ACCURACY, DELAY
from edge_llm_gym.evaluation.reproduce.studies import RATE, Point, Study, Sweep, rate_sweep
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.experts.catalogue import STREAMING_THRESHOLD
from edge_llm_gym.experts.planners import DtoEe, Plan
from edge_llm_gym.experts.routing import RoutingExpert
from edge_llm_gym.scenario import load_scenario, scenario_of

SELFISH_EPOCHS: Final = 5
GENETIC_EPOCHS: Final = 25
"""Epochs for which plans hold that take a tenth of a second and half a second to make."""
POOLS: Final = (
    (3, 3, 3, 3, 3, 3, 3, 4, 4),
    (2, 3, 4, 3, 3, 2, 4, 5, 3),
    (1, 2, 5, 4, 3, 1, 5, 6, 2),
    (1, 1, 7, 3, 2, 1, 6, 7, 1),
)
"""How many identical devices each of the four cells, three hubs and two centres has: 12, 9 and 8 in each stage."""
STAGES: Final = range(4), range(4, 7), range(7, 9)
"""Nodes of each stage."""
POOL_RATE_PER_S: Final = 12.0
PLANNED_ONCE, RESTARTED = "dto-ee, planned once", "dto-ee, restarted"


@dataclass(frozen=True)
class Disturbance:
    """A node slows down over the middle third of an episode, while the mix drifts from easy to hard and back.

    The mix is easiest at the start and at the end, hardest in the middle. Arrivals are Poisson: nothing else changes.
    `policies` are compared beside those of the study.
    """

    node: int
    node_name: str
    factor: float
    rate_per_s: float
    horizon_epochs: int
    bin_epochs: int
    policies: tuple[tuple[str, PolicyLike], ...]

    @property
    def phases(self) -> Mapping[str, slice]:
        """Epochs before, while and after the node is slow."""
        first, last = self.horizon_epochs // 3, 2 * self.horizon_epochs // 3
        return {"before": slice(0, first), "slowed": slice(first, last), "after": slice(last, self.horizon_epochs)}

    def overrides(self, epoch_s: float) -> Mapping[str, Any]:
        """What makes it of a scenario."""
        slowed = self.phases["slowed"]
        slowdown = {"from_s": slowed.start * epoch_s, "until_s": slowed.stop * epoch_s, "factor": self.factor}
        return {
            "horizon_epochs": self.horizon_epochs,
            "arrivals": {"process": "poisson", "rate_per_s": self.rate_per_s},
            "exits.drift": {"period_s": self.horizon_epochs * epoch_s, "depth": 1.0, "phase": 0.75},
            f"nodes.{self.node}.slowdown": slowdown,
        }


@dataclass(frozen=True, kw_only=True)
class RoutingStudy(Study):
    """A study of streams: beside its sweeps a disturbance in mid-run, and the trade-off of delay and accuracy.

    The trade-off takes accuracy weights in s for the scheduler, and thresholds for its routing without free ones.
    """

    disturbance: Disturbance
    weights_s: tuple[float, ...]
    thresholds: tuple[float, ...]

    @property
    def episodes_per_seed(self) -> int:
        """Episodes on one tape."""
        return super().episodes_per_seed + len(self.disturbed_policies) + len(self.tradeoff_policies)

    @property
    def disturbed_policies(self) -> tuple[tuple[str, PolicyLike], ...]:
        """Who meets the disturbance."""
        return self.policies + self.disturbance.policies

    @property
    def tradeoff_policies(self) -> tuple[tuple[str, PolicyLike], ...]:
        """The scheduler at every weight, fixed thresholds, and the other baselines as they are."""
        weighted = ((weight_name(weight_s), partial(_weighted, weight_s)) for weight_s in self.weights_s)
        fixed = ((threshold_name(one), f"fixed-threshold[threshold={one}]") for one in self.thresholds)
        return (*weighted, *fixed, *((name, policy) for name, policy in self.policies if name in self.tradeoff_points))

    @property
    def tradeoff_points(self) -> tuple[str, ...]:
        """Baselines that have no curve of their own."""
        return tuple(name for name in self.baselines if name != "fixed-threshold")

    def shortened(self) -> Self:
        """A trial of the same study: a short disturbance, two weights and two thresholds."""
        return replace(
            super().shortened(),
            disturbance=replace(self.disturbance, horizon_epochs=9, bin_epochs=1),
            weights_s=self.weights_s[::4],
            thresholds=self.thresholds[::4],
        )


def weight_name(weight_s: float) -> str:
    """Name of DTO-EE with an accuracy weight."""
    return f"dto-ee, weight {weight_s:g} s"


def threshold_name(threshold: float) -> str:
    """Name of DTO-EE's routing with one threshold for all."""
    return f"fixed-threshold, {threshold:g}"


def _weighted(weight_s: float, env: gymnasium.Env) -> Policy:
    """DTO-EE for which all of the accuracy is worth so many seconds; what is measured does not depend on it."""
    reward = {"mean_delay_s": -1.0, "accuracy": weight_s}
    return make_expert("dto-ee", load_scenario(scenario_of(env), {"reward": reward}))


class _Restarted(DtoEe):
    """DTO-EE that forgets its plan."""

    def __call__(self, reader: Any, estimate: Any, observation: Any, previous: Plan | None) -> Plan:
        """A plan made anew."""
        return super().__call__(reader, estimate, observation, None)


def _restarted(env: gymnasium.Env) -> Policy:
    return RoutingExpert(RESTARTED, StreamingReader(scenario_of(env)), _Restarted(max_rounds=100))


def _pool_sweep() -> Sweep:
    """The same devices in every stage, shared out more and more unevenly among its nodes."""
    axis = "spread of the nodes' speeds (coefficient of variation)"
    return Sweep("spread", "Unlike nodes", axis, tuple(Point(_spread(pools), _pooled(pools)) for pools in POOLS))


def _pooled(pools: tuple[int, ...]) -> Mapping[str, Any]:
    hardware = {f"nodes.{node}.hardware": "jetson-agx-orin" for node in range(len(pools))}
    return {RATE: POOL_RATE_PER_S} | hardware | {f"nodes.{node}.count": count for node, count in enumerate(pools)}


def _spread(pools: tuple[int, ...]) -> str:
    stages = [np.array([pools[node] for node in stage]) for stage in STAGES]
    return f"{np.mean([stage.std() / stage.mean() for stage in stages]):.2g}"


DTO_EE: Final = RoutingStudy(
    name="dto-ee",
    title="Reconstruction of the DTO-EE study",
    source="Collaborative Inference for Large Models with Task Offloading and Early Exiting, arXiv 2412.08284",
    environment="EdgeLLM/EarlyExit-v0",
    scenario="early-exit",
    scheduler="dto-ee",
    label="DTO-EE",
    policies=(
        ("dto-ee", "dto-ee"),
        ("fixed-threshold", "fixed-threshold"),
        ("no-exit", "no-exit"),
        ("selfish", f"selfish[replan_every={SELFISH_EPOCHS}]"),
        ("genetic", f"genetic[replan_every={GENETIC_EPOCHS}]"),
        ("compute-proportional", "compute-proportional"),
        ("bandwidth-proportional", "bandwidth-proportional"),
        ("uniform", "uniform"),
    ),
    sweeps=(rate_sweep((4.0, 6.0, 8.0, 10.0, 12.0)), _pool_sweep()),
    measures=(DELAY, ACCURACY),
    horizon_epochs=100,
    disturbance=Disturbance(
        node=7,
        node_name="centre-a",
        factor=3.0,
        rate_per_s=8.0,
        horizon_epochs=120,
        bin_epochs=4,
        policies=(
            (PLANNED_ONCE, "dto-ee[replan_every=1000]"),
            (RESTARTED, _restarted),
        ),
    ),
    weights_s=(1.0, 3.0, 6.0, 10.0, 20.0, 60.0, 200.0, 1000.0),
    thresholds=(0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
)
ROUTING_STUDIES: Final[Mapping[str, RoutingStudy]] = MappingProxyType({DTO_EE.name: DTO_EE})
"""Study by name."""
assert STREAMING_THRESHOLD in DTO_EE.thresholds
