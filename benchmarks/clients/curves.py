"""Draws the learning curves of the clients, one panel for each recipe that trains in an environment.

python -m benchmarks.clients.curves
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.clients.results import read
from edge_llm_gym.arrays import Array
from edge_llm_gym.command import run_cli
from edge_llm_gym.evaluation.plots import new_figure
from edge_llm_gym.files import replacing, writable_folder
from edge_llm_gym.interrupts import exit_status

DOCS: Final = Path(__file__).parents[2] / "docs"
COLUMNS: Final = 3
SMOOTHED: Final = 0.25
"""Share of a run's episodes in a mean of the line."""
REFERENCES: Final = {"random": ("random actions", "--"), "zeros": ("actions that are all zero", ":")}
"""Return of a result -> label and style of its line."""
DOTS_PER_INCH: Final = 110


def draw(entries: Sequence[Mapping[str, Any]]) -> Any:
    """The figure of all entries that have a curve. Raises ValueError where none has one."""
    shown = [entry for entry in entries if entry.get("curve")]
    if not shown:
        raise ValueError("no client has a learning curve; run their recipes first: make check-clients")
    rows = -(-len(shown) // COLUMNS)
    figure = new_figure(3.5 * COLUMNS, 2.4 * rows + 0.4)
    axes = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axis, entry in zip(axes, shown, strict=False):
        _draw_panel(axis, entry)
    for axis in axes[len(shown) :]:
        axis.set_visible(False)
    labels = {
        label: line for axis in figure.axes for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(labels.values(), labels.keys(), loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.supylabel("return of an episode", fontsize=10)
    return figure


def moving_mean(values: Array) -> tuple[Array, Array]:
    """Ends [m] of windows over values [n], as indices, and the means [m] of the values in them."""
    width = max(2, round(SMOOTHED * len(values)))
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return np.arange(width - 1, len(values)), (sums[width:] - sums[:-width]) / width


def _draw_panel(axis: Any, entry: Mapping[str, Any]) -> None:
    steps, returns = (np.array(entry["curve"][name], np.float64) for name in ("steps", "returns"))
    axis.plot(steps, returns, ".", color="0.72", markersize=4, label="episode")
    if len(returns) > 1:
        ends, means = moving_mean(returns)
        axis.plot(steps[ends], means, linewidth=1.8, label="mean over a quarter of the episodes")
    for name, (label, style) in REFERENCES.items():
        if name in entry["returns"]:
            axis.axhline(entry["returns"][name], color="black", linewidth=0.9, linestyle=style, label=label)
    axis.set_title(f"{entry['recipe']}, {_short(entry['environment'])}", fontsize=9)
    axis.set_xlim(0, None)
    axis.set_xlabel("environment steps", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)


def _short(environment: str) -> str:
    return environment.rpartition("/")[2].removesuffix("-v0")


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=DOCS / "results" / "clients.json", help="file of results")
    parser.add_argument("--out", type=Path, default=DOCS / "images" / "clients.png", help="PNG file")
    options = parser.parse_args(arguments)
    return run_cli(lambda: _write(options.results, options.out))


def _write(results: Path, out: Path) -> None:
    """Writes the figure and its path."""
    writable_folder(out.parent)
    figure = draw(read(results))
    with replacing(out) as temporary:
        figure.savefig(temporary, dpi=DOTS_PER_INCH)
    print(f"wrote {out}")


if __name__ == "__main__":
    sys.exit(exit_status(main))
