"""Quantities: limits and units, and that no number of a user's file is without a range."""

import math
from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from agents.config import RunConfig
from edge_llm_gym import quantities
from edge_llm_gym.models.catalogue import HardwareSection, ModelSection, QuantizationSection
from edge_llm_gym.models.hardware_profiles.schema import HardwareProfile
from edge_llm_gym.quantities import Range
from edge_llm_gym.scenario import Scenario

RANGES = {
    name: (value, found[0])
    for name, value in vars(quantities).items()
    if (found := [one for one in getattr(value, "__metadata__", ()) if isinstance(one, Range)])
}


def outside(limits: Range, number: type) -> list[float]:
    """The nearest numbers of a type beyond both limits, and numbers far out."""
    if number is int:
        return [limits.low - 1, limits.high + 1, -(10**400), 10**400]
    return [math.nextafter(limits.low, -math.inf), math.nextafter(limits.high, math.inf), -1e300, 1e300]


@pytest.mark.parametrize("name", RANGES)
def test_limits_belong_to_the_range_and_numbers_beyond_do_not(name):
    annotation, limits = RANGES[name]
    adapter, number = TypeAdapter(annotation), get_args(annotation)[0]
    assert adapter.validate_python(number(limits.low)) == limits.low
    if name != "Phase":  # excludes its upper limit
        assert adapter.validate_python(number(limits.high)) == limits.high
    for value in outside(limits, number):
        with pytest.raises(ValidationError, match="must be"):
            adapter.validate_python(value)
    for value in (math.nan, math.inf, True, False):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_zero_beside_a_range():
    adapter = TypeAdapter(quantities.Bandwidth)
    assert adapter.validate_python(0) == 0.0
    with pytest.raises(ValidationError, match="this number is in Hz and must be 0 or from 1000 to 1e"):
        adapter.validate_python(1e-308)


def numbers_without_range(model: type[BaseModel], seen: set[type]) -> Iterator[str]:
    """Fields of a model and its sections that take a number and have no range for it."""
    seen.add(model)
    for name, field in model.model_fields.items():
        has_range = any(isinstance(one, Range) for one in field.metadata)
        yield from (f"{model.__name__}.{name}" for _ in unbounded(field.annotation, has_range, seen))
    for part in list(parts_of(model)):
        if part not in seen:
            yield from numbers_without_range(part, seen)


def unbounded(annotation, has_range: bool, seen) -> Iterator[type]:
    if annotation in (int, float) and not has_range:
        yield annotation
    own = any(isinstance(one, Range) for one in getattr(annotation, "__metadata__", ()))
    for argument in get_args(annotation):
        yield from unbounded(argument, has_range or own, seen)


def parts_of(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    waiting = [field.annotation for field in model.model_fields.values()]
    while waiting:
        annotation = waiting.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        waiting.extend(get_args(annotation))


@pytest.mark.parametrize(
    "model", [Scenario, HardwareSection, ModelSection, QuantizationSection, HardwareProfile, RunConfig]
)
def test_every_number_in_a_file_has_a_range(model):
    assert list(numbers_without_range(model, set())) == []


def test_a_number_without_a_range_would_be_found():
    class Inner(BaseModel):
        bits: tuple[float, float]

    class Outer(BaseModel):
        inner: Inner | None = None
        delay: quantities.Seconds = 0.0
        weights: dict[str, float] = {}

    assert set(numbers_without_range(Outer, set())) == {"Outer.weights", "Inner.bits"}
