"""Section `tuning` of a configuration: the space in which `scripts.tune` searches, and the budget of a trial."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StrictFloat, StrictInt, field_validator, model_validator

from edge_llm_gym.messages import quoted
from edge_llm_gym.names import known_name
from edge_llm_gym.quantities import Range
from edge_llm_gym.sb3.description import Count, Section

SAMPLERS: Final = ("tpe", "random")
PRUNERS: Final = ("median", "hyperband", "none")
FIXED: Final[Mapping[str, str]] = {
    "tuning": "it describes the search itself",
    "evaluation": "trials are compared on the same tapes",
    "seed": "trials have the same seed, and the best seed is no setting",
    "steps": "trials have the same budget, tuning.steps",
}
"""Keys that are not searched -> why."""
Number = Annotated[StrictInt | StrictFloat, Range("", -1e12, 1e12)]


class Dimension(Section):
    """Values of one key: from `low` to `high`, whole numbers if both are, or one of `choices`.

    `log` draws the logarithm uniformly; `step` is the distance of two values.
    """

    low: Number | None = None
    high: Number | None = None
    log: bool = False
    step: Number | None = None
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def _is_one_form(self) -> "Dimension":
        if self.choices is None:
            self._check_range()
        elif self.log or (self.low, self.high, self.step) != (None, None, None):
            raise ValueError("a key has either choices or low and high, with log or step, got both; leave out one")
        elif len(self.choices) < 2 or any(value in self.choices[:index] for index, value in enumerate(self.choices)):
            raise ValueError(f"choices are at least two different values, got {quoted(list(self.choices))}")
        return self

    def _check_range(self) -> None:
        low, high = self.low, self.high
        if low is None or high is None:
            raise ValueError("a key needs low and high, or choices; write {low: 0.1, high: 0.9} or {choices: [1, 2]}")
        if not low < high:
            raise ValueError(f"low must be less than high, got low {low} and high {high}")
        if self.log and low <= 0:
            raise ValueError(f"log takes positive numbers, got low {low}; leave out log, or raise low")
        if self.step is not None and (self.log or not 0 < self.step <= high - low):
            raise ValueError(
                f"step is a positive number up to high - low, without log, got step {self.step} with low {low}, high "
                f"{high} and log {self.log}"
            )
        if self.is_whole and not isinstance(self.step, int | None):
            raise ValueError(f"step is a whole number where low and high are, got {self.step}; write low as {low}.0")

    @property
    def is_whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def extremes(self) -> tuple[Any, ...]:
        """The ends of the range, or all choices."""
        return (self.low, self.high) if self.choices is None else self.choices


class TuningConfig(Section):
    """Keys of the configuration by dotted path with their values, and how they are searched.

    Each trial trains for `steps` environment steps (by default those of the run), is scored `evaluations` times on the
    held-out tapes of section `evaluation`, and is ended early where `pruner` finds it worse than earlier trials at the
    same step. The first `startup_trials` are drawn at random and run to their end.
    """

    space: dict[str, Dimension] = Field(min_length=1)
    steps: Count | None = None
    evaluations: Count = 4
    startup_trials: Count = 5
    sampler: str = "tpe"
    pruner: str = "median"
    seed: Annotated[int, Range("", 0, 2**31)] = 0

    @field_validator("sampler")
    @classmethod
    def _sampler_is_known(cls, value: str) -> str:
        return known_name("sampler", value, SAMPLERS)

    @field_validator("pruner")
    @classmethod
    def _pruner_is_known(cls, value: str) -> str:
        return known_name("pruner", value, PRUNERS)

    @field_validator("space")
    @classmethod
    def _keys_are_searchable(cls, value: dict[str, Dimension]) -> dict[str, Dimension]:
        for path in value:
            if (reason := FIXED.get(path.split(".")[0])) is not None:
                raise ValueError(f"{quoted(path)} is not searched: {reason}; leave it out")
            if outer := [other for other in value if path.startswith(f"{other}.")]:
                raise ValueError(f"{quoted(path)} is part of {quoted(outer[0])}; search one of the two")
        return value

    def single_changes(self) -> Iterator[tuple[str, Any]]:
        """Each key with each extreme value."""
        for path, dimension in self.space.items():
            yield from ((path, value) for value in dimension.extremes())
