"""Writes a study down: a Markdown page with its pictures, and the numbers as JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from edge_llm_gym.evaluation.reproduce.claims import judge, unbeaten
from edge_llm_gym.evaluation.reproduce.effort import ENUMERABLE, Effort
from edge_llm_gym.evaluation.reproduce.figures import figures
from edge_llm_gym.evaluation.reproduce.run import SHARE, THROUGHPUT, Reproduction, SweepResult
from edge_llm_gym.evaluation.reproduce.studies import STATIC_BATCH_SIZE
from edge_llm_gym.evaluation.reproduce.tables import effort_table, markdown_table, sweep_table

READING: Final = f"""\
A request is served if its answer arrives within its budget and is good enough. Budgets count from the arrival and cover
both radio slots, so who comes early in an epoch of 2 s has mostly run out of time when it ends: that bounds the served
share of every policy, and with budgets up to 2 s nobody can wait for a second epoch. One request with little time left
shortens the whole batch: that is what orders by size, arrival or deadline do not see. `stb` takes {STATIC_BATCH_SIZE}
requests, its best fixed size over the middle of the rates; `sjf`, `fcfs` and `edf` insert what fits in their order;
`nob` serves one request per node and epoch."""
_QUANTISATION: Final = """\
Weight-only quantisation saves memory here and no time: 4 bits compute 10 % slower, and the lower quality satisfies
fewer requests. So 4 bits cost throughput wherever memory does not bind. A request on OPT-13B takes 0.6 to 1 s of a
node, so that mostly a single one is in time and there is little to batch."""
_EQUAL_VALUES: Final = """\
All requests are worth the same here. A request that one node has taken is then worth nothing more to the next, so
OT-GAH lets each node in turn solve its own problem exactly over the requests that are left. `ot-gah, improved` adds our
optional improvement by request prices, which is no part of the published scheduler and counts as no baseline."""
_EFFORT_NOTES: Final[Mapping[str, str]] = {
    "dftsp": f"""\
Problems of all epochs under DFTSP; n counts the requests that could be served alone. The brute force tries 2^n subsets;
it was run, and its optimum compared, where at most {ENUMERABLE} requests were pending. Depth first without bounds cuts
off infeasible sets only; its count includes inner nodes. Savings are averaged over epochs.""",
    "ot-gah": """\
Problems of some epochs under OT-GAH; n counts the requests that some node could serve alone. Ratios are to the exact
optimum of the same epoch, found by a mixed-integer program. The brute force would try every request on each node that
can serve it, and on none.""",
}
_STUDY_NOTES: Final[Mapping[str, tuple[str, ...]]] = {"dftsp": (READING,), "ot-gah": (READING, _EQUAL_VALUES)}


def write(run: Reproduction, folder: str | Path, command: str) -> list[Path]:
    """Writes reproduction-STUDY.md, its .json and images/*.png into a folder; returns their paths."""
    folder, name = Path(folder), f"reproduction-{run.study.name}"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    page, numbers = folder / f"{name}.md", folder / f"{name}.json"
    paths, pictures = [page, numbers], {}
    for key, caption, figure in figures(run):
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
        "effort": [_effort_record(effort) for effort in run.effort],
    }


def _sweep_records(run: Reproduction, result: SweepResult) -> Iterator[dict[str, Any]]:
    for index, point in enumerate(result.sweep.points):
        for policy, _ in run.study.policies:
            means = {measure: asdict(result.mean(index, policy, measure)) for measure in (THROUGHPUT, SHARE)}
            yield {"sweep": result.sweep.key, "point": point.label, "policy": policy, **means}


def _effort_record(effort: Effort) -> dict[str, Any]:
    means = {name: asdict(effort.mean(name)) for name in effort.figures}
    return {"rate_per_s": effort.rate_per_s, "problems": effort.count, "means": means}


def _page(run: Reproduction, pictures: Mapping[str, str], command: str) -> Iterator[str]:
    """Lines of the page; each block ends with an empty one."""
    yield from _head(run, command)
    yield from _claims(run)
    for result in run.sweeps:
        yield from _paragraphs(f"## {result.sweep.title}", *_picture(pictures, result.sweep.key))
        for measure in (THROUGHPUT, SHARE):
            yield from sweep_table(run, result, measure)
    yield from _paragraphs(*_picture(pictures, "quantisation"), _QUANTISATION)
    yield from _paragraphs("## Search and optimality", *_picture(pictures, "effort"), _EFFORT_NOTES[run.study.name])
    yield from effort_table(run)


def _paragraphs(*texts: str) -> Iterator[str]:
    for text in texts:
        yield from (text, "")


def _picture(pictures: Mapping[str, str], key: str) -> tuple[str, ...]:
    return (pictures[key],) if key in pictures else ()


def _head(run: Reproduction, command: str) -> Iterator[str]:
    study, seeds = run.study, run.seeds
    yield from _paragraphs(
        f"# {study.title}",
        f"Source: {study.source}.\nOnly the abstract and the stated setting were at hand: scheduler, model and presets "
        f"are our reconstruction of\nthem, and neither equations nor curves of the paper are claimed.",
    )
    if study.short:
        yield from _paragraphs("**This is a trial run: few seeds, short episodes, two settings of every sweep.**")
    yield from _paragraphs(
        f"```sh\n{command}\n```",
        f"Scenario `{study.scenario}` on `{study.environment}`; every choice that the text leaves open is marked in\n"
        f"`edge_llm_gym/scenarios/{study.scenario}.yaml`. Seeds {seeds[0]} to {seeds[-1]} ({len(seeds)} tapes, the\n"
        f"same for every policy and setting), {study.horizon_epochs} epochs each. Cells hold the mean and the 95 %\n"
        f"percentile bootstrap interval over seeds; bold marks the best mean of a column.",
        *_STUDY_NOTES[study.name],
    )


def _claims(run: Reproduction) -> Iterator[str]:
    yield from _paragraphs("## What agrees with the abstract's claims and what does not")
    rows = [(claim.text, f"**{claim.verdict}**", claim.evidence) for claim in judge(run)]
    yield from markdown_table(("claim, in our words", "here", "evidence"), rows, left=3)
    good, of = unbeaten(run)
    yield from _paragraphs(
        f"Episode by episode, on the same tape: of {of} episodes of other policies, {of - good} served more than "
        f"{run.study.label}."
    )
