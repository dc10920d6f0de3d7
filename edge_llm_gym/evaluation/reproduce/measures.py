"""What the studies measure: how it is taken from a comparison, called and written, and which way is better."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.compare import Comparison

Samples = Callable[[Comparison, str, float], Array]
"""One figure per seed [n] of a comparison's policy; the last argument is the length of an epoch in s."""
Form = Callable[[float], str]


@dataclass(frozen=True)
class Measure:
    """One measure. `sign` is 1 where more is better, else -1; `ahead` says what an episode did that did better.

    `scale` says how an axis of it looks, "zero", "log" or "shares": from 0, logarithmic, or per cent as it fits. Where
    tapes differ by more than policies, pictures show intervals of the `paired` differences to the scheduler.
    """

    title: str
    axis: str
    samples: Samples
    form: Form
    sign: int
    ahead: str
    scale: str = "zero"
    paired: bool = False


def decimals(digits: int) -> Form:
    """Writes numbers with so many decimals."""
    return lambda number: f"{number:.{digits}f}"


def percent(number: float) -> str:
    """Writes a share as per cent."""
    return f"{100 * number:.1f} %"


def _served_per_second(comparison: Comparison, policy: str, epoch_s: float) -> Array:
    served = comparison.samples(policy, "on_time") * comparison.samples(policy, "arrived")
    return served / (comparison.samples(policy, "steps") * epoch_s)


def _figure(name: str) -> Samples:
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
            ahead="served more",
        ),
        SHARE: Measure(
            title="Served share of the arrivals",
            axis="served share of the arrivals",
            samples=_figure("on_time"),
            form=percent,
            sign=1,
            ahead="served a greater share",
        ),
        DELAY: Measure(
            title="Mean response delay in s",
            axis="mean response delay [s]",
            samples=_figure("mean_delay_s"),
            form=decimals(2),
            sign=-1,
            ahead="answered faster in the mean",
            scale="log",
        ),
        ACCURACY: Measure(
            title="Accuracy of the answers",
            axis="accuracy of the answers",
            samples=_figure("accuracy"),
            form=percent,
            sign=1,
            ahead="were more accurate",
            scale="shares",
            paired=True,
        ),
    }
)
"""Measure by name. Throughput counts the requests served in time and well enough, per second."""
