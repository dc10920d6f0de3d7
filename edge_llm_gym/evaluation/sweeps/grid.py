"""The grid of a sweep: one or two parameters of a scenario, and a scenario for each combination of their values."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np

from edge_llm_gym.evaluation.identity import scenario_hash
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.scenario import Scenario, ScenarioError

MOST_PARAMETERS: Final = 2
LONGEST_LABEL: Final = 24
"""Characters of a value in tables and figures."""
EXAMPLE: Final = '{"arrivals.rate_per_s": [1, 2, 4, 8]}'
Overrides = Mapping[str, Any]


@dataclass(frozen=True)
class Parameter:
    """A parameter of the scenario, by its dotted path, and the values that it takes."""

    path: str
    values: tuple[Any, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Short texts of the values; those that are equal when shortened get their number."""
        texts = [shortened(value_text(value), LONGEST_LABEL) for value in self.values]
        return tuple(f"{text} #{index}" if texts.count(text) > 1 else text for index, text in enumerate(texts, start=1))

    @property
    def is_numeric(self) -> bool:
        """Whether all values are numbers, and can be the coordinates of an axis."""
        return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Point:
    """A combination of values: its text, such as "arrivals.rate_per_s=4", the values by path, and the scenario."""

    label: str
    values: Overrides
    scenario: Scenario

    @property
    def key(self) -> str:
        """Identifies the scenario in a store."""
        return scenario_hash(self.scenario)


@dataclass(frozen=True)
class Grid:
    """Parameters and points; the last parameter varies fastest."""

    parameters: tuple[Parameter, ...]
    points: tuple[Point, ...]


def make_grid(parameters: Mapping[str, Iterable[Any]], scenario_of: Callable[[Overrides], Scenario]) -> Grid:
    """The grid of all combinations; `scenario_of` returns the scenario with the values of a point, by path.

    Raises ScenarioError for values that the scenario does not take, with the point, and ValueError for no parameter,
    more than two, one without values, and points with the same scenario.
    """
    chosen = _parameters(parameters)
    paths = [parameter.path for parameter in chosen]
    combinations = (dict(zip(paths, values, strict=True)) for values in product(*(each.values for each in chosen)))
    grid = Grid(chosen, tuple(_point(values, scenario_of) for values in combinations))
    _require_different(grid.points)
    return grid


def point_label(values: Overrides) -> str:
    """The values of a point as text."""
    return ", ".join(f"{path}={shortened(value_text(value), LONGEST_LABEL)}" for path, value in values.items())


def value_text(value: Any) -> str:
    """A value as text: numbers with at most six digits, texts as they are, all else as JSON."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


@contextmanager
def at_point(label: str) -> Iterator[None]:
    """Errors of the user that are raised in this block name the point."""
    try:
        yield
    except ScenarioError as error:
        raise ScenarioError(f"at {label}: {error}") from error
    except (ValueError, TypeError) as error:
        raise ValueError(f"at {label}: {error}") from error


def _point(values: Overrides, scenario_of: Callable[[Overrides], Scenario]) -> Point:
    label = point_label(values)
    with at_point(label):
        return Point(label, values, scenario_of(values))


def _parameters(parameters: Any) -> tuple[Parameter, ...]:
    if not isinstance(parameters, Mapping) or not 1 <= len(parameters) <= MOST_PARAMETERS:
        got = list(parameters) if isinstance(parameters, Mapping) else parameters
        raise ValueError(
            f"a sweep has one or two parameters, given as dotted paths with their values, as in {EXAMPLE}, got "
            f"{quoted(got)}; sweep over further ones in separate calls"
        )
    return tuple(Parameter(path, _values(path, values)) for path, values in parameters.items())


def _values(path: Any, values: Any) -> tuple[Any, ...]:
    """The values, with numbers and arrays of NumPy as those of Python."""
    if not isinstance(path, str) or isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise ValueError(
            f"a parameter is a dotted path with a list of values, as in {EXAMPLE}, got {quoted(path)}: "
            f"{quoted(values)}; put the values into a list"
        )
    found = tuple(value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value for value in values)
    if not found:
        raise ValueError(f"a parameter needs at least one value, got none of {path!r}; list those to try")
    return found


def _require_different(points: tuple[Point, ...]) -> None:
    """Raises ValueError for two points with the same scenario: one of them would show nothing new."""
    seen: dict[str, str] = {}
    for point in points:
        if point.key in seen:
            raise ValueError(
                f"the points of a sweep must differ in their scenarios, got the same one at {seen[point.key]} and at "
                f"{point.label}; leave out repeated values, and settings that replace the swept parameter"
            )
        seen[point.key] = point.label
