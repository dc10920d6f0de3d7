"""Numbers that a scenario gives as one value, or as a range from which every episode draws its own."""

from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Tag

from edge_llm_gym.quantities import Decibels, PeriodSeconds, Probability, RatePerSecond

Span = tuple[float, float]


def ascending(pair: Span) -> Span:
    """The pair itself; raises ValueError for a range [low, high] with low > high."""
    if pair[0] > pair[1]:
        raise ValueError(f"a range is [low, high] with low <= high, got {list(pair)}")
    return pair


def _kind(value: Any) -> str:
    return "<range>" if isinstance(value, (list, tuple)) else "<number>"


RateOrRange = Annotated[
    Annotated[RatePerSecond, Tag("<number>")]
    | Annotated[tuple[RatePerSecond, RatePerSecond], AfterValidator(ascending), Tag("<range>")],
    Discriminator(_kind),
]
PeriodOrRange = Annotated[
    Annotated[PeriodSeconds, Tag("<number>")]
    | Annotated[tuple[PeriodSeconds, PeriodSeconds], AfterValidator(ascending), Tag("<range>")],
    Discriminator(_kind),
]
DepthOrRange = Annotated[
    Annotated[Probability, Tag("<number>")]
    | Annotated[tuple[Probability, Probability], AfterValidator(ascending), Tag("<range>")],
    Discriminator(_kind),
]
DecibelsOrRange = Annotated[
    Annotated[Decibels, Tag("<number>")]
    | Annotated[tuple[Decibels, Decibels], AfterValidator(ascending), Tag("<range>")],
    Discriminator(_kind),
]


def mean_of(value: float | Span) -> float:
    """The number itself, or the mean of a range, whose numbers are uniformly distributed."""
    return (value[0] + value[1]) / 2.0 if isinstance(value, tuple) else value


def highest_of(value: float | Span) -> float:
    """The number itself, or the upper end of a range."""
    return value[1] if isinstance(value, tuple) else value
