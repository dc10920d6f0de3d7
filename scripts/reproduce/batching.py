"""Settings, claim and figures that the two studies of batch schedulers share."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, Self

import numpy as np

from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.policies import PolicyLike
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.problems import AssignmentProblem
from scripts.reproduce.claims import DISAGREES, Claim, verdict
from scripts.reproduce.figures import COLOURS, MARKERS, legend_below, lines, name_axes
from scripts.reproduce.measures import MEASURES, THROUGHPUT
from scripts.reproduce.reproduction import Figures
from scripts.reproduce.running import Results, Runner, SweepResult
from scripts.reproduce.search_effort import Effort, Measurement, epoch_problems, measure_effort
from scripts.reproduce.study import Point, Study, Sweep, expert, rate_sweep
from scripts.reproduce.tables import Row, markdown_table

STATIC_BATCH_SIZE: Final = 3
"""The best size over the middle of the swept rates, on both scenarios: the baseline is tuned."""
BASELINES: Final[tuple[tuple[str, PolicyLike], ...]] = (
    ("sjf", "sjf"),
    ("fcfs", "fcfs"),
    ("edf", "edf"),
    ("stb", partial(expert, "stb", {"batch_size": STATIC_BATCH_SIZE})),
    ("nob", "nob"),
    ("random", "random"),
)
MODELS: Final = {"bloom-3b": "BLOOM-3B", "bloom-7.1b": "BLOOM-7.1B", "opt-13b": "OPT-13B"}
METHODS: Final = {"w8a16": "W8A16", "w4a16-gptq": "W4A16 GPTQ", "w4a16-rtn": "W4A16 RTN"}
BUDGET_ENDS_S: Final = (1.0, 1.5, 2.0, 2.5, 3.0)


@dataclass(frozen=True, kw_only=True)
class BatchingStudy(Study):
    """A study that also measures search effort, on every `keep_every`-th epoch's problem at the `effort_rates`."""

    effort_rates: tuple[float, ...]
    keep_every: int = 1

    @property
    def episodes_per_seed(self) -> int:
        """Number of episodes per seed, those of the effort measurement included."""
        return super().episodes_per_seed + len(self.effort_rates)

    def shortened(self) -> Self:
        """The same study as a trial run, with two effort rates."""
        return replace(super().shortened(), effort_rates=self.effort_rates[2:4])


@dataclass(frozen=True)
class BatchingResults(Results):
    """Results of the sweeps, and the search effort per arrival rate."""

    study: BatchingStudy
    effort: tuple[Effort, ...]

    @property
    def problem_count(self) -> int:
        """Number of problems on which the effort was measured."""
        return sum(effort.count for effort in self.effort)

    def total(self, quantity: str) -> int:
        """Sum of a quantity over all problems."""
        return sum(effort.total(quantity) for effort in self.effort)


def sweeps(rates: tuple[float, ...], nodes: int) -> tuple[Sweep, ...]:
    """Sweeps over arrival rate, latency budget, and quantisation method of every model."""
    return (rate_sweep(rates), _budget_sweep(), *(_quantisation_sweep(model, nodes) for model in MODELS))


def _budget_sweep() -> Sweep:
    points = tuple(Point(f"{end_s:g}", {"requests.budget_s": (0.5, end_s)}) for end_s in BUDGET_ENDS_S)
    return Sweep("budget", "Latency budget", "longest latency budget [s], the shortest being 0.5 s", points)


def _quantisation_sweep(model: str, nodes: int) -> Sweep:
    """All nodes use the same method."""
    points = tuple(
        Point(label, {"model": model} | {f"nodes.{node}.quantization": method for node in range(nodes)})
        for method, label in METHODS.items()
    )
    return Sweep(f"quantisation-{model}", f"Quantisation of {MODELS[model]}", "quantisation", points, numeric=False)


def run(measured: Measurement, study: BatchingStudy, runner: Runner) -> BatchingResults:
    """Runs the sweeps, then measures effort. Raises ValueError where no epoch poses a problem to measure it on."""
    results = runner.sweeps()
    measurements = [measure_effort(_problems(study, rate, runner), rate, measured) for rate in study.effort_rates]
    effort = tuple(one for one in measurements if one.count)
    if not effort:
        raise ValueError(f"no epoch of {len(runner.seeds)} episodes had a request that could be served; use more seeds")
    return BatchingResults(study, runner.seeds, results, effort)


def _problems(study: BatchingStudy, rate_per_s: float, runner: Runner) -> Iterator[list[AssignmentProblem]]:
    for seed in runner.seeds:
        yield epoch_problems(study, rate_per_s, seed, study.keep_every)
        runner.count_episode()


def claim_ahead_of_baselines(results: BatchingResults) -> Claim:
    """The scheduler serves more requests than every baseline, in all settings."""
    leads = _leads(results)
    ahead = sum(lead.low > 0 for lead in leads.values())
    behind = [setting for setting, lead in leads.items() if lead.high < 0]
    numbers = {
        "ahead": ahead,
        "settings": len(leads),
        "tied": [setting for setting, lead in leads.items() if not lead.excludes_zero],
        "behind": behind,
    }
    return Claim("ahead_of_baselines", DISAGREES if len(behind) > ahead else verdict(ahead, len(leads)), numbers)


def _leads(results: BatchingResults) -> dict[str, Interval]:
    """Setting -> lead of the scheduler over the best baseline."""
    study = results.study
    return {
        f"{result.sweep.title}: {point.label}": result.lead(index, study.scheduler, study.baselines, THROUGHPUT)
        for result in results.sweeps
        for index, point in enumerate(result.sweep.points)
    }


def variables(effort_header: Row, effort_rows: list[Row], results: BatchingResults) -> dict[str, Any]:
    """Template variables that both studies have."""
    return {
        "static_batch_size": STATIC_BATCH_SIZE,
        "quantisation_sweeps": [result.sweep for result in results.sweeps if not result.sweep.numeric],
        "effort_table": markdown_table(("arrivals per second", "problems", "n", *effort_header), effort_rows, left=0),
    }


def records(results: BatchingResults) -> dict[str, Any]:
    """The search effort, for the JSON file."""
    return {"effort": [effort.as_record() for effort in results.effort]}


def count(number: float) -> str:
    """Formats the mean of a count that may be very large."""
    return f"{number:.1f}" if number < 1e5 else f"{number:.1e}"


def sweep_figures(results: BatchingResults) -> Figures:
    """A figure per numeric sweep, and one for all quantisation sweeps."""
    for result in results.sweeps:
        if result.sweep.numeric:
            yield result.sweep.key, lines(results, result)
    yield "quantisation", _quantisation_bars(results)


def _quantisation_bars(results: BatchingResults) -> Any:
    named = [result for result in results.sweeps if not result.sweep.numeric]
    figure = new_figure(12.0, 3.8)
    axes = figure.subplots(1, len(named), squeeze=False)[0]
    for axis, result in zip(axes, named, strict=True):
        for policy in results.study.policy_names:
            _draw_bars(axis, results, result, policy)
        labels = [point.label for point in result.sweep.points]
        axis.set_xticks(np.arange(len(labels)), labels, fontsize=8)
        axis.set_title(result.sweep.title, fontsize=10)
        name_axes(axis, "", MEASURES[THROUGHPUT].axis)
    legend_below(figure, axes[0])
    return figure


def _draw_bars(axis: Any, results: BatchingResults, result: SweepResult, policy: str) -> None:
    """The policy's bar in the group of each setting."""
    names = results.study.policy_names
    order, width = names.index(policy), 0.8 / len(names)
    means = [result.mean(point, policy, THROUGHPUT) for point in range(len(result.sweep.points))]
    heights = np.array([mean.mean for mean in means])
    errors = np.abs(np.array([(mean.low, mean.high) for mean in means]).T - heights)
    left = np.arange(len(means)) + (order - (len(names) - 1) / 2) * width
    bars = {"color": COLOURS[order], "label": policy, "error_kw": {"linewidth": 0.8}}
    axis.bar(left, heights, width, yerr=errors, **bars)


def draw_search_nodes(axis: Any, efforts: tuple[Effort, ...], series: Mapping[str, str]) -> None:
    """Mean search nodes over the number of servable requests; `series` maps quantities to labels."""
    for marker, (name, label) in zip(MARKERS, series.items(), strict=False):
        by_size = _by_size(efforts, name)
        axis.plot(list(by_size), [np.mean(nodes) for nodes in by_size.values()], marker, markersize=4, label=label)
    axis.set_yscale("log")
    axis.set_xlabel("servable requests in the epoch")
    axis.set_ylabel("search nodes, mean over epochs")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=9)


def _by_size(efforts: tuple[Effort, ...], name: str) -> dict[int, list[float]]:
    found = defaultdict(list)
    for effort in efforts:
        for size, nodes in zip(effort.samples("requests"), effort.samples(name), strict=True):
            found[int(size)].append(nodes)
    return dict(sorted(found.items()))
