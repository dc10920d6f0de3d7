"""The study: its cases, the sweep of prices, and the measures of the results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean, paired_difference
from edge_llm_gym.evaluation.workers import Jobs

Progress = Callable[[int, int], None]
"""Called with the number of finished episodes and the number of all episodes."""

PRICES: Final = (0.0, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024)
"""Prices of energy in value per J, the first one 0."""
EPOCHS: Final = 100
QUICK_PRICES: Final = (0.0, 0.004, 0.016)
QUICK_EPOCHS: Final = 10


@dataclass(frozen=True)
class Case:
    """An expert on an environment."""

    environment: str
    title: str
    expert: str

    def policy(self, price: float) -> str:
        """The expert under a price, as `compare` takes it."""
        return f"{self.expert}[energy_price={price:g}]"


CASES: Final = (
    Case("EdgeLLM/SingleNode-v0", "SingleNode", "dftsp"),
    Case("EdgeLLM/MultiNode-v0", "MultiNode", "ot-gah"),
    Case("EdgeLLM/Joint-v0", "Joint", "ot-gah+dto-ee"),
)


@dataclass(frozen=True)
class Study:
    """What is run."""

    prices: tuple[float, ...] = PRICES
    epochs: int = EPOCHS
    cases: tuple[Case, ...] = CASES


QUICK: Final = Study(QUICK_PRICES, QUICK_EPOCHS)


@dataclass(frozen=True)
class CaseResult:
    """The episodes of one case under all prices, on common tapes. Samples are one number per seed [n]."""

    case: Case
    prices: tuple[float, ...]
    comparison: Comparison

    def samples(self, price: float, metric: str) -> Array:
        """A metric under a price."""
        return self.comparison.samples(self.case.policy(price), metric)

    def mean(self, price: float, metric: str) -> Interval:
        """Mean over seeds with its 95 % interval."""
        return bootstrap_mean(self.samples(price, metric))

    def share_difference(self, price: float) -> Interval:
        """Share of the value served less that under the price 0, paired."""
        return paired_difference(self.samples(price, "served_share"), self.samples(0.0, "served_share"))

    def energy_saving(self, price: float) -> Interval:
        """Relative reduction of the energy per served request against the price 0, computed per seed."""
        name = "energy_per_served_j"
        return bootstrap_mean(1.0 - self.samples(price, name) / self.samples(0.0, name))

    def objective_difference(self, price: float) -> Interval:
        """Value served less the price of the energy, minus the same for the decisions under the price 0, paired."""
        mine, other = (
            self.samples(used, "served_value") - price * self.samples(used, "energy_j") for used in (price, 0.0)
        )
        return paired_difference(mine, other)

    def free_price(self) -> float:
        """The highest price up to which no share of the value served is significantly below that under the price 0."""
        free = 0.0
        for price in self.prices[1:]:
            if self.share_difference(price).high < 0.0:
                break
            free = price
        return free


def run(study: Study, seeds: Sequence[int], *, jobs: Jobs = 1, progress: Progress) -> list[CaseResult]:
    """Every case under every price on the same seeds."""
    per_case, results = len(seeds) * len(study.prices), []
    total = per_case * len(study.cases)
    for index, case in enumerate(study.cases):
        before = index * per_case
        comparison = compare(
            case.environment,
            [case.policy(price) for price in study.prices],
            seeds,
            overrides={"horizon_epochs": study.epochs},
            jobs=jobs,
            progress=lambda done, of, before=before: progress(before + done, total),  # type: ignore[misc]
        )
        results.append(CaseResult(case, study.prices, comparison))
    return results
