"""The Markdown of a study's page: tables, paragraphs, pictures."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_llm_gym.evaluation.reproduce.measures import MEASURES, Form
from edge_llm_gym.evaluation.reproduce.run import Reproduction, SweepResult
from edge_llm_gym.evaluation.statistics import Interval

Row = Sequence[str]
Pictures = Mapping[str, str]
"""Key of a picture -> the Markdown that shows it."""


@dataclass(frozen=True)
class Parts:
    """What the pages of a kind of study have of their own.

    `reading` follows the page's head; `body` writes what comes behind the sweeps; `figures` yields key, caption and
    figure of every picture, and a picture named like a sweep stands at the head of it; `records` are the numbers.
    """

    source_note: str
    scenario_note: Callable[[Any], str]
    reading: Callable[[Any], tuple[str, ...]]
    sweep: Callable[[Any, SweepResult], Iterator[str]]
    body: Callable[[Any, Pictures], Iterator[str]]
    figures: Callable[[Any], Iterator[tuple[str, str, Any]]]
    records: Callable[[Any], dict[str, Any]]


def paragraphs(*texts: str) -> Iterator[str]:
    """Lines of paragraphs, an empty one behind each."""
    for text in texts:
        yield from (text, "")


def picture(pictures: Pictures, key: str) -> tuple[str, ...]:
    """The paragraph of a picture, if there is one of this key."""
    return (pictures[key],) if key in pictures else ()


def markdown_table(header: Row, rows: Sequence[Row], left: int = 1) -> Iterator[str]:
    """Lines of a table, an empty one behind it; the first `left` columns are aligned left, the others right."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * left + "---:|" * (len(header) - left)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def cell(interval: Interval, form: Form, bold: bool = False) -> str:
    """Mean and interval."""
    mean = f"**{form(interval.mean)}**" if bold else form(interval.mean)
    return f"{mean} [{form(interval.low)}, {form(interval.high)}]"


def sweep_table(run: Reproduction, result: SweepResult, measure: str) -> Iterator[str]:
    """A row per policy, a column per setting."""
    how = MEASURES[measure]
    points = range(len(result.sweep.points))
    policies = [policy for policy, _ in run.study.policies]
    best = [result.mean(point, result.best(point, policies, measure), measure).mean for point in points]
    rows = []
    for policy in policies:
        means = [result.mean(point, policy, measure) for point in points]
        cells = (cell(mean, how.form, mean.mean == top) for mean, top in zip(means, best, strict=True))
        rows.append((policy, *cells))
    yield from paragraphs(f"{how.title} by {result.sweep.axis}:")
    yield from markdown_table(("policy", *(point.label for point in result.sweep.points)), rows)
