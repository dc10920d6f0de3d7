"""Writes a study down: a Markdown page with its pictures, and the numbers as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from edge_llm_gym.evaluation.reproduce.batching_page import BATCHING_PARTS
from edge_llm_gym.evaluation.reproduce.claims import judge, unbeaten
from edge_llm_gym.evaluation.reproduce.measures import MEASURES
from edge_llm_gym.evaluation.reproduce.routing_page import ROUTING_PARTS
from edge_llm_gym.evaluation.reproduce.run import BatchingReproduction, Reproduction, RoutingReproduction, SweepResult
from edge_llm_gym.evaluation.reproduce.tables import Parts, Pictures, markdown_table, paragraphs, picture

PARTS: Final[Mapping[type[Reproduction], Parts]] = {
    BatchingReproduction: BATCHING_PARTS,
    RoutingReproduction: ROUTING_PARTS,
}


def write(run: Reproduction, folder: str | Path, command: str) -> list[Path]:
    """Writes reproduction-STUDY.md, its .json and images/*.png into a folder; returns their paths."""
    folder, name = Path(folder), f"reproduction-{run.study.name}"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    page, numbers = folder / f"{name}.md", folder / f"{name}.json"
    paths, pictures = [page, numbers], {}
    for key, caption, figure in PARTS[type(run)].figures(run):
        path = folder / "images" / f"{name}-{key}.png"
        figure.savefig(path, dpi=110)
        pictures[key] = f"![{caption}](images/{path.name})"
        paths.append(path)
    page.write_text("\n".join(_page(run, pictures, command)), "utf-8")
    numbers.write_text(json.dumps(as_json(run, command), indent=1) + "\n", "utf-8")
    return paths


def as_json(run: Reproduction, command: str) -> dict[str, Any]:
    """Everything on the page as plain data."""
    return {
        "study": run.study.name,
        "command": command,
        "seeds": list(run.seeds),
        "epochs": run.study.horizon_epochs,
        "interval": "95 % percentile bootstrap over seeds",
        "claims": [asdict(claim) for claim in judge(run)],
        "sweeps": [row for result in run.sweeps for row in _sweep_records(run, result)],
        **PARTS[type(run)].records(run),
    }


def _sweep_records(run: Reproduction, result: SweepResult) -> Iterator[dict[str, Any]]:
    for index, point in enumerate(result.sweep.points):
        for policy, _ in run.study.policies:
            means = {measure: asdict(result.mean(index, policy, measure)) for measure in run.study.measures}
            yield {"sweep": result.sweep.key, "point": point.label, "policy": policy, **means}


def _page(run: Reproduction, pictures: Pictures, command: str) -> Iterator[str]:
    """Lines of the page; each block ends with an empty one."""
    parts = PARTS[type(run)]
    yield from _head(run, parts, command)
    yield from _claims(run)
    for result in run.sweeps:
        yield from paragraphs(f"## {result.sweep.title}", *picture(pictures, result.sweep.key))
        yield from parts.sweep(run, result)
    yield from parts.body(run, pictures)


def _head(run: Reproduction, parts: Parts, command: str) -> Iterator[str]:
    study, seeds = run.study, run.seeds
    yield from paragraphs(f"# {study.title}", f"Source: {study.source}.\n{parts.source_note}")
    if study.short:
        yield from paragraphs("**This is a trial run: few seeds, short episodes, two settings of every sweep.**")
    yield from paragraphs(
        f"```sh\n{command}\n```",
        f"{parts.scenario_note(run)} Seeds {seeds[0]} to {seeds[-1]} ({len(seeds)} tapes, the\n"
        f"same for every policy and setting), {study.horizon_epochs} epochs each. Cells hold the mean and the 95 %\n"
        f"percentile bootstrap interval over seeds; bold marks the best mean of a column.",
        *parts.reading(run),
    )


def _claims(run: Reproduction) -> Iterator[str]:
    yield from paragraphs("## What agrees with the abstract's claims and what does not")
    rows = [(claim.text, f"**{claim.verdict}**", claim.evidence) for claim in judge(run)]
    yield from markdown_table(("claim, in our words", "here", "evidence"), rows, left=3)
    good, of = unbeaten(run)
    yield from paragraphs(
        f"Episode by episode, on the same tape: of {of} episodes of other policies, {of - good} "
        f"{MEASURES[run.study.measures[0]].ahead} than {run.study.label}."
    )
