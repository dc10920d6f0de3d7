"""Draws the curves of searches, one panel for each environment, and the level of its expert.

python -m scripts.plot_search runs/search-* --out docs/images/search.png
python -m scripts.plot_search runs/mn-0 runs/mn-1 runs/mn-2 --expert edf --out search.png

Curves are returns on the held-out tapes that all generations share; the expert's line is its mean on the same tapes.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.files import replacing

EXPERTS = {
    "EdgeLLM/SingleNode-v0": "dftsp[overrun_s=0]",
    "EdgeLLM/MultiNode-v0": "ot-gah",
    "EdgeLLM/EarlyExit-v0": "dto-ee",
    "EdgeLLM/Joint-v0": "ot-gah+dto-ee",
}
DOTS_PER_INCH = 110
GENERATION, HELD_OUT_SCORE = 0, 3
"""Columns of progress.csv."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    from agents.command import run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, help="folders that scripts.search wrote")
    parser.add_argument("--expert", help="by default the one named for each environment in EXPERTS")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    panels = by_environment(options.runs)
    levels = {env: level(env, options.expert or EXPERTS[env], runs) for env, runs in panels.items()}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(options.out) as temporary:
        draw(panels, levels).savefig(temporary, dpi=DOTS_PER_INCH)
    print(f"wrote {options.out}")


def by_environment(folders: Sequence[Path]) -> dict[str, list[tuple[dict[str, Any], np.ndarray]]]:
    """Environment -> settings and curve [generations, 4] of its searches."""
    panels: dict[str, list[tuple[dict[str, Any], np.ndarray]]] = defaultdict(list)
    for folder in folders:
        settings = json.loads((folder / "search.json").read_text("utf-8"))
        with (folder / "progress.csv").open(encoding="utf-8") as file:
            rows = [[float(cell) for cell in row.values()] for row in csv.DictReader(file)]
        panels[settings["environment"]].append((settings, np.array(rows)))
    return dict(panels)


def level(environment: str, expert: str, runs: list[tuple[dict[str, Any], np.ndarray]]) -> tuple[str, float]:
    """The expert's name and its mean return on the held-out tapes of the first search."""
    from agents.search import HELD_OUT
    from edge_llm_gym.evaluation.policies import PolicySource
    from edge_llm_gym.evaluation.rollout import run_episode

    env, source = gymnasium.make(environment), PolicySource(expert, expert)
    seeds = range(HELD_OUT, HELD_OUT + runs[0][0]["held_out"])
    return expert, float(np.mean([run_episode(env, source.make(env, seed), seed)["reward"] for seed in seeds]))


def draw(panels: dict[str, list[tuple[dict[str, Any], np.ndarray]]], levels: dict[str, tuple[str, float]]) -> Any:
    """The figure."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(panels), 3.8), layout="constrained")
    for axes, (environment, runs) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels.items(), strict=True):
        for index, (settings, curve) in enumerate(runs):
            axes.plot(
                curve[:, GENERATION] + 1,
                curve[:, HELD_OUT_SCORE],
                color=f"C{index}",
                label=f"seed {settings['seed']}",
            )
        name, height = levels[environment]
        axes.axhline(height, color="black", linestyle="--", linewidth=1, label="expert")
        axes.set(title=f"{environment}\nexpert: {name}", xlabel="generation", ylabel="return of an episode")
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure


if __name__ == "__main__":
    sys.exit(main())
