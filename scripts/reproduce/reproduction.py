"""A reproduction: a study together with the functions that run it, judge its claims and describe its results."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from edge_llm_gym.evaluation.workers import Jobs
from scripts.reproduce.claims import Claim
from scripts.reproduce.running import Progress, Results, Runner
from scripts.reproduce.study import Study

StudyT = TypeVar("StudyT", bound=Study)
ResultsT = TypeVar("ResultsT", bound=Results)
Figures = Iterator[tuple[str, Any]]
"""Key and matplotlib figure of every picture of a page."""


@dataclass(frozen=True, kw_only=True)
class Reproduction(Generic[StudyT, ResultsT]):
    """One study and its functions.

    `variables` gives the study's own variables of the template `templates/NAME.md` (`page` adds those that all studies
    share); `records` gives what the JSON file holds beside claims and sweeps.
    """

    study: StudyT
    run: Callable[[StudyT, Runner], ResultsT]
    claims: tuple[Callable[[ResultsT], Claim], ...]
    figures: Callable[[ResultsT], Figures]
    variables: Callable[[ResultsT], Mapping[str, Any]]
    records: Callable[[ResultsT], Mapping[str, Any]]

    def shortened(self) -> "Reproduction[StudyT, ResultsT]":
        """The same reproduction as a trial run."""
        return replace(self, study=self.study.shortened())

    def reproduce(self, seeds: Sequence[int], *, jobs: Jobs = 1, progress: Progress | None = None) -> ResultsT:
        """Runs the study. Raises ValueError for no seeds, and for jobs as `Workers`."""
        return self.run(self.study, Runner(self.study, seeds, jobs=jobs, progress=progress))

    def judge(self, results: ResultsT) -> list[Claim]:
        """The claims of the study's abstract, judged by the results."""
        return [claim(results) for claim in self.claims]
