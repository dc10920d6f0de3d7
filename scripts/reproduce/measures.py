"""Measures of the studies: how they are computed from a comparison, named and formatted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Comparison

Samples = Callable[[Comparison, str, float], Array]
"""One value per seed [n] of a policy; the last argument is the length of an epoch in s."""
Form = Callable[[float], str]
"""Formats a number."""


@dataclass(frozen=True)
class Measure:
    """One measure. `sign` is 1 where more is better, else -1.

    `scale` is a key of `figures.SCALES`. Figures of a `paired` measure show intervals of paired differences to the
    scheduler, because seeds differ more than policies do.
    """

    title: str
    axis: str
    samples: Samples
    form: Form
    sign: int
    scale: str = "zero"
    paired: bool = False


def decimals(digits: int) -> Form:
    """A formatter with a fixed number of decimals."""
    return lambda number: f"{number:.{digits}f}"


def percent(number: float) -> str:
    """Formats a share in percent."""
    return f"{100 * number:.1f} %"


def _served_per_second(comparison: Comparison, policy: str, epoch_s: float) -> Array:
    served = comparison.samples(policy, "on_time") * comparison.samples(policy, "arrived")
    return served / (comparison.samples(policy, "steps") * epoch_s)


def _metric(name: str) -> Samples:
    return lambda comparison, policy, epoch_s: comparison.samples(policy, name)


THROUGHPUT, SHARE, DELAY, ACCURACY = "throughput", "served share", "mean delay", "accuracy"
MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        THROUGHPUT: Measure(
            title="Served requests per second",
            axis="served requests per second",
            samples=_served_per_second,
            form=decimals(2),
            sign=1,
        ),
        SHARE: Measure(
            title="Served share of the arrivals",
            axis="served share of the arrivals",
            samples=_metric("on_time"),
            form=percent,
            sign=1,
        ),
        DELAY: Measure(
            title="Mean response delay in s",
            axis="mean response delay [s]",
            samples=_metric("mean_delay_s"),
            form=decimals(2),
            sign=-1,
            scale="log",
        ),
        ACCURACY: Measure(
            title="Accuracy of the answers",
            axis="accuracy of the answers",
            samples=_metric("accuracy"),
            form=percent,
            sign=1,
            scale="shares",
            paired=True,
        ),
    }
)
"""Measure by name. Throughput counts requests that are answered on time and with sufficient quality."""
