"""The protocol of arrival processes, and what their implementations share."""

import math
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class ArrivalProcess(Protocol):
    """A stationary arrival process. Draws are independent: a draw depends on its generator alone."""

    @property
    def rate_per_s(self) -> float:
        """Mean number of arrivals per second."""
        ...

    def draw(self, rng: np.random.Generator, duration_s: float) -> NDArray[np.float64]:
        """Arrival times [s], float64 [n], sorted, in [0, duration_s); n is random."""
        ...


def at_rate(process: Any, rate_per_s: float) -> Any:
    """The process with another mean rate, of the same type.

    A process whose other numbers depend on the rate has a method `at_rate`; of any other, the field `rate_per_s` is
    replaced. Raises ValueError for a rate that is not above 0.
    """
    own = getattr(process, "at_rate", None)
    return replace(process, rate_per_s=rate_per_s) if own is None else own(rate_per_s)


def require_positive(**values: float) -> None:
    """Raise ValueError for the first named value that is not a positive finite number."""
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a positive finite number, got {value!r}; correct the value")


def sorted_uniform(rng: np.random.Generator, count: int, end: float) -> NDArray[np.float64]:
    """`count` independent uniform numbers in [0, end), already sorted, float64 [count].

    Partial sums of exponentials over their total are the order statistics of uniforms (Devroye 1986, section V.3):
    linear in `count`, where drawing and sorting is not.
    """
    sums = np.cumsum(rng.standard_exponential(count + 1))
    return np.minimum(sums[:-1] * (end / sums[-1]), np.nextafter(end, 0.0))
