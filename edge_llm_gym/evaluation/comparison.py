"""The result of a comparison: episodes of several policies on the same seeds, their means and paired differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.metrics import COUNTS, ratio
from edge_llm_gym.evaluation.replay import Replay
from edge_llm_gym.evaluation.report_layout import LAYOUTS, ReportLayout
from edge_llm_gym.evaluation.rollout import Episode
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.evaluation.tabulated import Tabulated
from edge_llm_gym.messages import shortened
from edge_llm_gym.names import require_key
from edge_llm_gym.sheets import Sheet

SERVED_VALUE = "served_value"
SHARE_OF_BOUND = "share_of_bound"


@dataclass(frozen=True, repr=False)
class Comparison(Tabulated):
    """Episodes of every policy on the same seeds.

    `episodes[policy]` holds one record per seed, in the order of `seeds`. `bounds` holds, per seed, an upper bound on
    the value that any policy can serve, and is empty if no bounds were requested. `replay` describes the trace that the
    arrivals come from, if there is one. Episodes of `compare` have the metrics of `run_episode` and the causes of what
    was not served (`evaluation.causes`), such as "expired_memory".

    A share, a mean per request and a quantile are undefined (NaN) on a tape without requests; their means are over the
    other tapes, of which `count` gives the number. Scores are sums, and 0 there.
    """

    environment: str
    seeds: tuple[int, ...]
    episodes: Mapping[str, tuple[Episode, ...]]
    bounds: tuple[float, ...] = ()
    dynamics: str = "batching"
    replay: Replay | None = None
    against: str | None = None
    """The policy that tables and figures show differences to; by default the best one"""

    def __repr__(self) -> str:
        policies = shortened(", ".join(self.policies))
        return f"<Comparison {self.environment}: {len(self.episodes)} policies on {len(self.seeds)} seeds: {policies}>"

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
    def reference(self) -> str:
        """The policy that differences are to: `against`, or the best one."""
        return self.against or self.best

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics of an episode."""
        return list(next(iter(self.episodes.values()))[0])

    def samples(self, policy: str, metric: str) -> Array:
        """float64 [n], one value of a metric per seed. Raises KeyError for an unknown policy or metric."""
        require_key("policy", policy, self.episodes)
        require_key("metric", metric, self.metrics)
        return np.array([episode[metric] for episode in self.episodes[policy]])

    @property
    def empty_seeds(self) -> tuple[int, ...]:
        """Seeds on whose tapes no request arrives."""
        episodes = next(iter(self.episodes.values()))
        return tuple(seed for seed, one in zip(self.seeds, episodes, strict=True) if one.get("arrived") == 0)

    @property
    def empty_note(self) -> str:
        """A line on the tapes without requests; empty if there are none."""
        seeds, empty = len(self.seeds), len(self.empty_seeds)
        over = (
            f"shares and means per request are over the other {seeds - empty}" if empty < seeds else "no shares exist"
        )
        return f"{empty} of {seeds} tapes have no requests: {over}" if empty else ""

    def count(self, policy: str, metric: str) -> int:
        """Number of seeds in which a metric, or "share_of_bound", is defined: those that its mean is over."""
        samples = self._shares_of_bound(policy) if metric == SHARE_OF_BOUND else self.samples(policy, metric)
        return int(np.count_nonzero(~np.isnan(samples)))

    def mean(self, policy: str, metric: str) -> Interval:
        """Mean with its 95 % bootstrap interval, over the seeds in which the metric is defined (see `count`)."""
        return bootstrap_mean(self.samples(policy, metric))

    def difference(self, policy: str, reference: str | None = None, metric: str | None = None) -> Interval:
        """Paired difference policy - reference with its 95 % bootstrap interval.

        The metric is the score by default, and the reference that of the comparison.
        """
        metric = metric or self.layout.score
        return paired_difference(self.samples(policy, metric), self.samples(reference or self.reference, metric))

    def share_of_bound(self, policy: str) -> Interval:
        """Mean over seeds of served value / clairvoyant bound; seeds with a bound of 0 are left out.

        Raises ValueError for a comparison without bounds.
        """
        if not self.bounds:
            raise ValueError("this comparison has no clairvoyant bounds; call compare(..., bound=True)")
        return bootstrap_mean(self._shares_of_bound(policy))

    def _shares_of_bound(self, policy: str) -> Array:
        """[n], NaN where the bound is 0."""
        shares: Array = ratio(self.samples(policy, SERVED_VALUE), np.array(self.bounds))
        return shares

    @property
    def headroom(self) -> float:
        """Relative distance of the sum of the bounds above the value served by the best policy, over all seeds.

        NaN if both are 0.
        """
        served, bound = self.samples(self.best, SERVED_VALUE).sum(), np.sum(self.bounds)
        return float(ratio(bound, served, empty=np.inf if bound else np.nan)) - 1.0

    def sheets(self) -> list[Sheet]:
        """All tables."""
        # Local, since tables are built from comparisons.
        from edge_llm_gym.evaluation.tables import comparison_sheets

        return comparison_sheets(self)

    def records(self) -> list[dict[str, Any]]:
        """One flat record per policy and seed. Counts are whole numbers."""
        bounds = [{"bound": bound} for bound in self.bounds] or [{} for _ in self.seeds]
        return [
            {"policy": policy, "seed": seed, **_whole_counts(episode), **bound}
            for policy in self.policies
            for seed, episode, bound in zip(self.seeds, self.episodes[policy], bounds, strict=True)
        ]

    def summary(self) -> list[dict[str, Any]]:
        """One record per policy: mean and interval of every metric, and the paired difference to the best policy."""
        return [
            {"policy": policy, "to_best": self.difference(policy, self.best)}
            | ({SHARE_OF_BOUND: self.share_of_bound(policy)} if self.bounds else {})
            | {metric: self.mean(policy, metric) for metric in self.metrics}
            for policy in self.policies
        ]


def _whole_counts(episode: Episode) -> dict[str, Any]:
    """The episode with its counts as integers."""
    return {name: int(value) if name in COUNTS else value for name, value in episode.items()}
