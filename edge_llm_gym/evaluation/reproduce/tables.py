"""The Markdown tables of a study's page."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from edge_llm_gym.evaluation.reproduce.effort import Effort
from edge_llm_gym.evaluation.reproduce.run import SHARE, THROUGHPUT, Reproduction, SweepResult
from edge_llm_gym.evaluation.statistics import Interval

Row = Sequence[str]
Form = Callable[[float], str]


def markdown_table(header: Row, rows: Sequence[Row], left: int = 1) -> Iterator[str]:
    """Lines of a table, an empty one behind it; the first `left` columns are aligned left, the others right."""
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * left + "---:|" * (len(header) - left)
    for row in rows:
        yield "| " + " | ".join(row) + " |"
    yield ""


def _decimals(digits: int) -> Form:
    return lambda number: f"{number:.{digits}f}"


def _percent(number: float) -> str:
    return f"{100 * number:.1f} %"


def _count(number: float) -> str:
    return f"{number:.1f}" if number < 1e5 else f"{number:.1e}"


def _cell(interval: Interval, form: Form, bold: bool = False) -> str:
    mean = f"**{form(interval.mean)}**" if bold else form(interval.mean)
    return f"{mean} [{form(interval.low)}, {form(interval.high)}]"


_TITLES = {THROUGHPUT: "Served requests per second", SHARE: "Served share of the arrivals"}
_FORMS: Mapping[str, Form] = {THROUGHPUT: _decimals(2), SHARE: _percent}


def sweep_table(run: Reproduction, result: SweepResult, measure: str) -> Iterator[str]:
    """A row per policy, a column per setting."""
    points = range(len(result.sweep.points))
    policies = [policy for policy, _ in run.study.policies]
    best = [max(result.mean(point, policy, measure).mean for policy in policies) for point in points]
    rows = []
    for policy in policies:
        means = [result.mean(point, policy, measure) for point in points]
        cells = (_cell(mean, _FORMS[measure], mean.mean == top) for mean, top in zip(means, best, strict=True))
        rows.append((policy, *cells))
    yield from (f"{_TITLES[measure]} by {result.sweep.axis}:", "")
    yield from markdown_table(("policy", *(point.label for point in result.sweep.points)), rows)


def _search_row(effort: Effort) -> Row:
    nodes = (_cell(effort.mean(name), _count) for name in ("requests", "dftsp", "depth first", "brute force"))
    saved = (_cell(effort.saved("dftsp", name), _percent) for name in ("brute force", "depth first"))
    return f"{effort.rate_per_s:g}", str(effort.count), *nodes, *saved


def _ratio_row(effort: Effort) -> Row:
    ratios = (*_ratio_cells(effort, "ratio", "optimal"), *_ratio_cells(effort, "improved ratio", "improved optimal"))
    nodes = (_cell(effort.mean(name), _count) for name in ("ot-gah", "improved", "brute force"))
    return f"{effort.rate_per_s:g}", str(effort.count), _cell(effort.mean("requests"), _count), *ratios, *nodes


def _ratio_cells(effort: Effort, ratio: str, optimal: str) -> Row:
    mean = _cell(effort.mean(ratio), _decimals(3))
    return mean, f"{effort.samples(ratio).min():.3f}", _percent(effort.samples(optimal).mean())


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


def effort_table(run: Reproduction) -> Iterator[str]:
    """A row per arrival rate."""
    header, row = _EFFORT[run.study.name]
    rows = [row(effort) for effort in run.effort]
    yield from markdown_table(("arrivals per second", "problems", "n", *header), rows, left=0)
