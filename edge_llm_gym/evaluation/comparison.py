"""The result of a comparison: episodes of several policies on the same seeds, their means and paired differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.metrics import ratio
from edge_llm_gym.evaluation.report_layout import LAYOUTS, ReportLayout
from edge_llm_gym.evaluation.rollout import Episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference

SERVED_VALUE = "served_value"


@dataclass(frozen=True)
class Comparison:
    """Episodes of every policy on the same seeds.

    `episodes[policy]` holds one record per seed, in the order of `seeds`. `bounds` holds, per seed, an upper bound on
    the value that any policy can serve, and is empty if no bounds were requested.
    """

    environment: str
    seeds: tuple[int, ...]
    episodes: Mapping[str, tuple[Episode, ...]]
    bounds: tuple[float, ...] = ()
    dynamics: str = "batching"

    @property
    def layout(self) -> ReportLayout:
        """The score of this comparison, and how reports present it."""
        return LAYOUTS[self.dynamics]

    @property
    def policies(self) -> list[str]:
        """Policy names, best mean score first."""
        return sorted(self.episodes, key=lambda name: -self.mean(name, self.layout.score).mean)

    @property
    def best(self) -> str:
        """The policy with the highest mean score."""
        return self.policies[0]

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics of an episode."""
        return list(next(iter(self.episodes.values()))[0])

    def samples(self, policy: str, metric: str) -> Array:
        """float64 [n], one value of a metric per seed."""
        return np.array([episode[metric] for episode in self.episodes[policy]])

    def mean(self, policy: str, metric: str) -> Interval:
        """Mean over seeds with its 95 % bootstrap interval."""
        return bootstrap_mean(self.samples(policy, metric))

    def difference(self, policy: str, reference: str | None = None, metric: str | None = None) -> Interval:
        """Paired difference policy - reference with its 95 % bootstrap interval.

        The metric is the score by default, and the reference the best policy.
        """
        metric = metric or self.layout.score
        return paired_difference(self.samples(policy, metric), self.samples(reference or self.best, metric))

    def share_of_bound(self, policy: str) -> Interval:
        """Mean over seeds of served value / clairvoyant bound; seeds with a bound of 0 are left out.

        Raises ValueError for a comparison without bounds.
        """
        if not self.bounds:
            raise ValueError("this comparison has no clairvoyant bounds; call compare(..., bound=True)")
        return bootstrap_mean(ratio(self.samples(policy, SERVED_VALUE), np.array(self.bounds)))

    @property
    def headroom(self) -> float:
        """Relative distance of the sum of the bounds above the value served by the best policy, over all seeds."""
        served = self.samples(self.best, SERVED_VALUE).sum()
        return float(ratio(np.sum(self.bounds), served, empty=np.inf)) - 1.0

    def records(self) -> list[dict[str, Any]]:
        """One flat record per policy and seed."""
        bounds = [{"bound": bound} for bound in self.bounds] or [{} for _ in self.seeds]
        return [
            {"policy": policy, "seed": seed, **episode, **bound}
            for policy in self.policies
            for seed, episode, bound in zip(self.seeds, self.episodes[policy], bounds, strict=True)
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One record per policy: mean and interval of every metric, and the paired difference to the best policy."""
        return [
            {"policy": policy, "to_best": self.difference(policy)}
            | ({"share_of_bound": self.share_of_bound(policy)} if self.bounds else {})
            | {metric: self.mean(policy, metric) for metric in self.metrics}
            for policy in self.policies
        ]
