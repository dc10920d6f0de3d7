"""Sweeps the error of length predictions and writes the results page.

python -m scripts.length_predictions --seeds 20 --jobs 2
python -m scripts.length_predictions --quick

Schedulers plan with the prediction, or with a quantile of the true length given the prediction. All run on the same
tapes, which differ over the sweep in nothing but the errors of the predictions; these have the same sign and order.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from agents.command import add_workers, at_least, chosen_workers, run_cli
from edge_llm_gym.evaluation.compare import Comparison, compare
from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.evaluation.workers import Workers
from edge_llm_gym.files import replacing, writable_folder, write_text
from edge_llm_gym.interrupts import exit_status
from scripts.reproduce.figures import COLOURS, MARKERS
from scripts.reproduce.measures import decimals, percent
from scripts.reproduce.tables import Row, cell, markdown_table

ENVIRONMENTS: Final = {"SingleNode": ("dftsp", "edf"), "MultiNode": ("ot-gah", "dftsp", "edf")}
"""Environment -> schedulers."""
SIGMAS: Final = (0.0, 0.2, 0.4, 0.8)
QUANTILES: Final = (None, 0.5, 0.7, 0.9)
"""None plans with the prediction itself."""
MEASURES: Final = {"served_share": ("Value served", percent), "evicted": ("Evicted requests per episode", decimals(1))}
DOTS_PER_INCH: Final = 110
QUICK: Final[Mapping[str, Any]] = {"horizon_epochs": 10}
PAGE: Final = """# Length predictions

What does it cost not to know how long an answer becomes? `lengths.prediction.sigma` is the standard deviation of the
logarithm of a predicted number of output tokens ([physics](../reference/physics.md#predictions)). Batches are planned,
and memory is reserved, by predictions; batches last, and caches grow, by true lengths. `quantile` is a setting of the
schedulers: they plan with this quantile of the true length given its prediction, instead of the prediction.

<!-- run: never, runs for minutes -->
```sh
{command}
```

{seeds} seeds, mean and 95 % bootstrap interval. All cells of a table have the same arrivals, channels and true lengths.
At sigma 0 lengths are known and all quantiles are the same. The best mean of a column is bold.

{sections}"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=at_least(1), default=20, help="number of seeds")
    add_workers(parser)
    parser.add_argument("--quick", action="store_true", help="a trial run: 2 seeds, short episodes, into runs/")
    parser.add_argument("--out", type=Path, help="folder of results/ and images/; docs by default")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    workers = chosen_workers(options)
    seeds, overrides = (2, QUICK) if options.quick else (options.seeds, {})
    out = options.out or Path("runs/length-predictions" if options.quick else "docs")
    for folder in ("results", "images"):
        writable_folder(out / folder)
    found = {name: sweep(name, range(seeds), workers, overrides) for name in ENVIRONMENTS}
    command = "python -m scripts.length_predictions " + ("--quick" if options.quick else f"--seeds {seeds}")
    for path in write(found, out, command, seeds):
        print(f"wrote {path}")


def policies(name: str) -> Iterator[str]:
    """The schedulers of an environment with each quantile."""
    for scheduler in ENVIRONMENTS[name]:
        yield from (scheduler if quantile is None else f"{scheduler}[quantile={quantile}]" for quantile in QUANTILES)


def sweep(name: str, seeds: Sequence[int], workers: Workers, overrides: Mapping[str, Any]) -> dict[float, Comparison]:
    """A comparison for each sigma."""
    chosen = list(policies(name))
    return {
        sigma: compare(
            f"EdgeLLM/{name}-v0",
            chosen if sigma else ENVIRONMENTS[name],
            seeds,
            jobs=workers,
            overrides={**overrides, "lengths.prediction.sigma": sigma},
        )
        for sigma in SIGMAS
    }


def write(found: Mapping[str, Mapping[float, Comparison]], out: Path, command: str, seeds: int) -> list[Path]:
    """Writes the page and its picture; returns their paths."""
    page, picture = out / "results" / "length-predictions.md", out / "images" / "length-predictions.png"
    sections = ["![Value served over sigma](../images/length-predictions.png)"]
    for name, comparisons in found.items():
        sections.append(f"## {name}")
        for measure, (title, _) in MEASURES.items():
            sections.append(f"{title} by sigma:\n\n{table(comparisons, list(policies(name)), measure)}")
    write_text(page, PAGE.format(command=command, seeds=seeds, sections="\n\n".join(sections) + "\n"))
    with replacing(picture) as temporary:
        draw(found).savefig(temporary, dpi=DOTS_PER_INCH)
    return [page, picture]


def table(comparisons: Mapping[float, Comparison], names: Sequence[str], measure: str) -> str:
    """A row per policy, a column per sigma."""
    columns = [_column(comparison, names, measure) for comparison in comparisons.values()]
    rows = [(name, *(column[index] for column in columns)) for index, name in enumerate(names)]
    return markdown_table(("policy", *(f"{sigma:g}" for sigma in comparisons)), rows)


def _column(comparison: Comparison, names: Sequence[str], measure: str) -> Row:
    """The cells of one sigma; "=" for a policy that equals the one without a quantile."""
    form = MEASURES[measure][1]
    means = {name: comparison.mean(name, measure) for name in names if name in comparison.episodes}
    top = max(mean.mean for mean in means.values()) if measure == "served_share" else None
    return [cell(means[name], form, means[name].mean == top) if name in means else "=" for name in names]


def draw(found: Mapping[str, Mapping[float, Comparison]]) -> Any:
    """Value served over sigma, one panel for each environment; lines are schedulers, markers their quantiles."""
    figure = new_figure(5.2 * len(found), 4.0)
    for axes, (name, comparisons) in zip(figure.subplots(1, len(found), squeeze=False)[0], found.items(), strict=True):
        for index, policy in enumerate(policies(name)):
            scheduler, quantile = index // len(QUANTILES), index % len(QUANTILES)
            known = ENVIRONMENTS[name][scheduler]
            levels = [
                100 * comparison.mean(policy if policy in comparison.episodes else known, "served_share").mean
                for comparison in comparisons.values()
            ]
            style = {"color": COLOURS[scheduler], "marker": MARKERS[quantile], "alpha": 1.0 if quantile == 0 else 0.6}
            axes.plot(list(comparisons), levels, label=policy, markersize=5, linewidth=1.2, **style)
        axes.set(title=name, xlabel="sigma", ylabel="value served [%]")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, fontsize=7)
    return figure


if __name__ == "__main__":
    sys.exit(main())
