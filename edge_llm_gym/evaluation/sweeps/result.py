"""The result of a sweep: a comparison at every point, and the metrics that tables and figures show."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from edge_llm_gym.evaluation.comparison import Comparison
from edge_llm_gym.evaluation.report_layout import ReportLayout
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.evaluation.sweeps.grid import Grid, Parameter, Point, value_text
from edge_llm_gym.evaluation.tabulated import Tabulated
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.names import known_name
from edge_llm_gym.sheets import Sheet

DEFAULT_METRICS = 2
"""Number of panels of a comparison's figure whose metrics a sweep shows by default."""
RANDOM = "random"
"""Name of the policy of random decisions."""


@dataclass(frozen=True, repr=False)
class Sweep(Tabulated):
    """A comparison of the same policies on the same seeds at every point of a grid.

    `comparisons` are in the order of the points. Tables and figures show the means of `metrics`, and the paired
    differences to the policy `reference`: the first one by default, and the same at every point.
    """

    environment: str
    grid: Grid
    policies: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    metrics: tuple[str, ...]
    reference: str

    def __repr__(self) -> str:
        swept = " x ".join(f"{len(each.values)} values of {each.path}" for each in self.parameters)
        return (
            f"<Sweep {self.environment} over {swept}: {len(self.policies)} policies on {len(self.seeds)} seeds: "
            f"{shortened(', '.join(self.policies))}>"
        )

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The swept parameters."""
        return self.grid.parameters

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, the same at every point."""
        return self.comparisons[0].seeds

    @property
    def layout(self) -> ReportLayout:
        """How reports present the metrics."""
        return self.comparisons[0].layout

    @property
    def others(self) -> tuple[str, ...]:
        """The policies but the reference."""
        return tuple(policy for policy in self.policies if policy != self.reference)

    @property
    def rivals(self) -> tuple[str, ...]:
        """The policies whose differences set the scale of figures: those of random decisions would hide the others."""
        return tuple(policy for policy in self.others if policy != RANDOM) or self.others

    def items(self) -> Iterator[tuple[Point, Comparison]]:
        """Every point with its comparison."""
        return zip(self.grid.points, self.comparisons, strict=True)

    def at(self, *values: Any) -> Comparison:
        """The comparison at the values of the parameters. Raises KeyError for values that were not swept."""
        for point, comparison in self.items():
            if tuple(point.values.values()) == values:
                return comparison
        known = shortened("; ".join(point.label for point in self.grid.points))
        raise KeyError(f"no point of the sweep has the values {quoted(values)}; choose one of: {known}")

    def shown(self, metrics: Iterable[str] | None = None, reference: str | None = None) -> Self:
        """The same sweep with other metrics, and another policy that the others are compared with.

        Raises ValueError for unknown names, and for no metric.
        """
        chosen = self.metrics if metrics is None else checked_metrics(metrics, self.comparisons[0].metrics)
        named = self.reference if reference is None else known_name("policy", reference, self.policies)
        return replace(self, metrics=chosen, reference=named)

    def mean(self, index: int, policy: str, metric: str) -> Interval:
        """Mean of a metric at the point of an index, with its 95 % bootstrap interval over the seeds."""
        return self.comparisons[index].mean(policy, metric)

    def difference(self, index: int, policy: str, metric: str) -> Interval:
        """Paired difference policy - reference of a metric at the point of an index, with its interval."""
        return self.comparisons[index].difference(policy, self.reference, metric)

    def sheets(self) -> list[Sheet]:
        """All tables."""
        # Local, since tables are built from sweeps.
        from edge_llm_gym.evaluation.sweeps.tables import sweep_sheets

        return sweep_sheets(self)

    def records(self) -> list[dict[str, Any]]:
        """One flat record per point, policy and seed: values of the parameters by path, then all metrics."""
        return [_plain(point.values) | record for point, comparison in self.items() for record in comparison.records()]

    def summary(self) -> list[dict[str, Any]]:
        """One record per point, policy and shown metric: mean, paired difference to the reference, number of seeds."""
        return [
            _plain(point.values)
            | {
                "policy": policy,
                "metric": metric,
                "mean": comparison.mean(policy, metric),
                "difference": comparison.difference(policy, self.reference, metric),
                "seeds": comparison.count(policy, metric),
            }
            for point, comparison in self.items()
            for policy in self.policies
            for metric in self.metrics
        ]


def default_metrics(layout: ReportLayout) -> tuple[str, ...]:
    """The metrics that a sweep shows unless others are named."""
    return tuple(metric for metric, _ in layout.panels[:DEFAULT_METRICS])


def checked_metrics(metrics: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """The metrics without repetitions. Raises ValueError for unknown ones and for none."""
    names = list(known)
    chosen = tuple(known_name("metric", metric, names) for metric in dict.fromkeys(metrics))
    if not chosen:
        raise ValueError("a sweep shows at least one metric, got none; name one, such as 'served_value' or 'reward'")
    return chosen


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as numbers and texts, for a line of a table."""
    simple = (int, float, str, type(None))
    return {path: value if isinstance(value, simple) else value_text(value) for path, value in values.items()}
