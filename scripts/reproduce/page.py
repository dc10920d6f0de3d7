"""Writes the results of a study: a Markdown page rendered from its template, pictures, and the numbers as JSON."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import typer
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from edge_llm_gym.files import replacing, writable_folder, write_text
from scripts.reproduce.claims import Claim, count_better_episodes
from scripts.reproduce.measures import decimals, percent
from scripts.reproduce.reproduction import Reproduction
from scripts.reproduce.running import Results, SweepResult
from scripts.reproduce.tables import sweep_tables

TEMPLATES: Final = Path(__file__).parent / "templates"
DOTS_PER_INCH: Final = 110


@dataclass(frozen=True)
class Target:
    """Folders of page (with its JSON file) and pictures."""

    pages: Path
    images: Path

    @classmethod
    def below(cls, folder: Path) -> "Target":
        """The layout of the documentation: pages in `results`, pictures in `images`."""
        return cls(folder / "results", folder / "images")

    def prepared(self) -> "Target":
        """The same folders, made and tried. Raises typer.BadParameter for one that cannot be written into."""
        try:
            for folder in (self.pages, self.images):
                writable_folder(folder)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
        return self

    def link(self, picture: Path) -> str:
        """Path of a picture relative to the page."""
        return Path(os.path.relpath(picture, self.pages)).as_posix()


def write(reproduction: Reproduction[Any, Any], results: Results, target: Target, command: str) -> list[Path]:
    """Writes reproduction-STUDY.md, its .json and the pictures; returns their paths. `command` is shown on the page."""
    name = f"reproduction-{reproduction.study.name}"
    page, numbers = target.pages / f"{name}.md", target.pages / f"{name}.json"
    pictures = {}
    for key, figure in reproduction.figures(results):
        pictures[key] = target.images / f"{name}-{key}.png"
        with replacing(pictures[key]) as temporary:
            figure.savefig(temporary, dpi=DOTS_PER_INCH)
    links = {key: target.link(path) for key, path in pictures.items()}
    write_text(page, page_text(reproduction, results, links, command))
    write_text(numbers, json.dumps(as_json(reproduction, results, command), indent=1) + "\n")
    return [page, numbers, *pictures.values()]


def page_text(reproduction: Reproduction[Any, Any], results: Results, pictures: Mapping[str, str], command: str) -> str:
    """The Markdown of the page; `pictures` are the links of the figures by key."""
    better, episodes = count_better_episodes(results)
    variables = {
        "study": results.study,
        "command": command,
        "seeds": results.seeds,
        "claims": _claim_records(reproduction.judge(results)),
        "better_episodes": better,
        "other_episodes": episodes,
        "pictures": pictures,
        "tables": {result.sweep.key: sweep_tables(results, result) for result in results.sweeps},
        **reproduction.variables(results),
    }
    return render(reproduction.study.name, variables)


def as_json(reproduction: Reproduction[Any, Any], results: Results, command: str) -> dict[str, Any]:
    """All numbers of the page as plain data."""
    return {
        "study": results.study.name,
        "command": command,
        "seeds": list(results.seeds),
        "epochs": results.study.horizon_epochs,
        "interval": "95 % percentile bootstrap over seeds",
        "claims": _claim_records(reproduction.judge(results)),
        "sweeps": [row for result in results.sweeps for row in _sweep_records(results, result)],
        **reproduction.records(results),
    }


def _claim_records(claims: list[Claim]) -> dict[str, Any]:
    return {claim.name: {"verdict": claim.verdict, **claim.numbers} for claim in claims}


def render(study: str, variables: dict[str, Any]) -> str:
    """The page of a study. Raises jinja2.UndefinedError for a variable that the template needs and does not get."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"row": table_row, "percent": percent, "decimals": lambda x, digits: decimals(digits)(x)}
    return environment.get_template(f"{study}.md").render(variables)


def table_row(text: str) -> str:
    """A line of a table, from cells that are separated by | and may span lines."""
    return f"| {' '.join(text.split())} |\n"


def _sweep_records(results: Results, result: SweepResult) -> Iterator[dict[str, Any]]:
    for index, point in enumerate(result.sweep.points):
        for policy in results.study.policy_names:
            means = {measure: asdict(result.mean(index, policy, measure)) for measure in results.study.measures}
            yield {"sweep": result.sweep.key, "point": point.label, "policy": policy, **means}
