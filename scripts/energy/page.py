"""Writes the results: a Markdown page from the template, the figure, and the numbers as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.files import replacing, write_text
from scripts.energy.figure import draw
from scripts.energy.study import CaseResult, Study
from scripts.reproduce.page import DOTS_PER_INCH, Target

NAME: Final = "energy"
PICTURE: Final = "energy-tradeoff.png"


def write(
    study: Study, results: Sequence[CaseResult], seeds: Sequence[int], target: Target, command: str
) -> list[Path]:
    """Writes energy.md, energy.json and the figure; returns their paths. `command` is shown on the page."""
    page, numbers, picture = target.pages / f"{NAME}.md", target.pages / f"{NAME}.json", target.images / PICTURE
    with replacing(picture) as temporary:
        draw(results).savefig(temporary, dpi=DOTS_PER_INCH)
    write_text(page, page_text(study, results, seeds, target.link(picture), command))
    records = {"command": command, "seeds": list(seeds), "epochs": study.epochs, "rows": _records(results)}
    write_text(numbers, json.dumps(records, indent=1) + "\n")
    return [page, numbers, picture]


def page_text(study: Study, results: Sequence[CaseResult], seeds: Sequence[int], picture: str, command: str) -> str:
    """The Markdown of the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"interval": interval}
    return environment.get_template("template.md").render(
        study=study, results=results, seeds=seeds, picture=picture, command=command
    )


def interval(value: Interval, scale: float = 1.0, digits: int = 1, unit: str = "") -> str:
    """Mean and 95 % interval as text."""
    mean, low, high = (f"{scale * one:.{digits}f}" for one in (value.mean, value.low, value.high))
    return f"{mean}{unit} [{low}, {high}]" if value.is_defined else f"{mean}{unit}"


def _records(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    return [
        {
            "environment": result.case.environment,
            "expert": result.case.expert,
            "price_per_j": price,
            **{name: asdict(result.mean(price, name)) for name in METRICS},
            "share_difference": asdict(result.share_difference(price)),
            "energy_saving": asdict(result.energy_saving(price)),
            "objective_difference": asdict(result.objective_difference(price)),
        }
        for result in results
        for price in result.prices
    ]


METRICS: Final = ("served_share", "energy_per_served_j", "energy_j", "utilisation")
