"""What the pages of the batching studies have of their own: how to read them, search effort, numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from edge_llm_gym.evaluation.reproduce.batching import STATIC_BATCH_SIZE
from edge_llm_gym.evaluation.reproduce.batching_figures import figures
from edge_llm_gym.evaluation.reproduce.effort import ENUMERABLE, Effort
from edge_llm_gym.evaluation.reproduce.measures import decimals, percent
from edge_llm_gym.evaluation.reproduce.run import BatchingReproduction, SweepResult
from edge_llm_gym.evaluation.reproduce.tables import (
    Parts,
    Pictures,
    Row,
    cell,
    markdown_table,
    paragraphs,
    picture,
    sweep_table,
)

_READING: Final = f"""\
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
_STUDY_NOTES: Final[Mapping[str, tuple[str, ...]]] = {"dftsp": (_READING,), "ot-gah": (_READING, _EQUAL_VALUES)}


def _reading(run: BatchingReproduction) -> tuple[str, ...]:
    return _STUDY_NOTES[run.study.name]


def _scenario_note(run: BatchingReproduction) -> str:
    study = run.study
    return (
        f"Scenario `{study.scenario}` on `{study.environment}`; every choice that the text leaves open is marked in\n"
        f"`edge_llm_gym/scenarios/{study.scenario}.yaml`."
    )


def _sweep(run: BatchingReproduction, result: SweepResult) -> Iterator[str]:
    for measure in run.study.measures:
        yield from sweep_table(run, result, measure)


def _body(run: BatchingReproduction, pictures: Pictures) -> Iterator[str]:
    yield from paragraphs(*picture(pictures, "quantisation"), _QUANTISATION)
    yield from paragraphs("## Search and optimality", *picture(pictures, "effort"), _EFFORT_NOTES[run.study.name])
    yield from effort_table(run)


def _count(number: float) -> str:
    return f"{number:.1f}" if number < 1e5 else f"{number:.1e}"


def _search_row(effort: Effort) -> Row:
    nodes = (cell(effort.mean(name), _count) for name in ("requests", "dftsp", "depth first", "brute force"))
    saved = (cell(effort.saved("dftsp", name), percent) for name in ("brute force", "depth first"))
    return f"{effort.rate_per_s:g}", str(effort.count), *nodes, *saved


def _ratio_row(effort: Effort) -> Row:
    ratios = (*_ratio_cells(effort, "ratio", "optimal"), *_ratio_cells(effort, "improved ratio", "improved optimal"))
    nodes = (cell(effort.mean(name), _count) for name in ("ot-gah", "improved", "brute force"))
    return f"{effort.rate_per_s:g}", str(effort.count), cell(effort.mean("requests"), _count), *ratios, *nodes


def _ratio_cells(effort: Effort, ratio: str, optimal: str) -> Row:
    mean = cell(effort.mean(ratio), decimals(3))
    return mean, f"{effort.samples(ratio).min():.3f}", percent(effort.samples(optimal).mean())


_SEARCHES = ("DFTSP nodes", "depth first, no bound", "brute force", "saved against brute force", "and depth first")
_RATIOS = (
    "ratio",
    "worst",
    "optimal",
    "improved: ratio",
    "worst",
    "optimal",
    "nodes",
    "improved: nodes",
    "brute force",
)
_EFFORT: Mapping[str, tuple[Row, Callable[[Effort], Row]]] = {
    "dftsp": (_SEARCHES, _search_row),
    "ot-gah": (_RATIOS, _ratio_row),
}


def effort_table(run: BatchingReproduction) -> Iterator[str]:
    """A row per arrival rate."""
    header, row = _EFFORT[run.study.name]
    rows = [row(effort) for effort in run.effort]
    yield from markdown_table(("arrivals per second", "problems", "n", *header), rows, left=0)


def _records(run: BatchingReproduction) -> dict[str, Any]:
    return {"effort": [_effort_record(effort) for effort in run.effort]}


def _effort_record(effort: Effort) -> dict[str, Any]:
    means = {name: asdict(effort.mean(name)) for name in effort.figures}
    return {"rate_per_s": effort.rate_per_s, "problems": effort.count, "means": means}


BATCHING_PARTS: Final = Parts(
    source_note="Only the abstract and the stated setting were at hand: scheduler, model and presets are our "
    "reconstruction of\nthem, and neither equations nor curves of the paper are claimed.",
    scenario_note=_scenario_note,
    reading=_reading,
    sweep=_sweep,
    body=_body,
    figures=figures,
    records=_records,
)
