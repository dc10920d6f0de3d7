"""Trains recipes with several seeds and compares what they find with experts on held-out tapes.

python -m scripts.learning_study
python -m scripts.learning_study --recipes parameters-multi-node --train-seeds 1 --tapes 20 --out runs/study

Writes docs/results/learning.json and, of the recipes of PPO and A2C, docs/images/learning.png, and prints the rows of
the tables on the page. Runs stay in runs/learning: a run that is there is not repeated, and one that was interrupted
continues.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_llm_gym.interrupts import exit_status
from scripts.learning_study.recipes import RECIPES


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--train-seeds", type=at_least(1), default=5, help="training seeds of each recipe")
    parser.add_argument("--tapes", type=at_least(2), default=100, help="held-out tapes")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of results/ and images/")
    return run_cli(lambda: _study(parser.parse_args(arguments)))


def _study(options: argparse.Namespace) -> None:
    from edge_llm_gym.files import write_text
    from scripts.learning_study.curves import FAMILIES, draw
    from scripts.learning_study.report import kept_report, summary, table
    from scripts.learning_study.runs import Study, outcome

    study = Study(tapes=options.tapes)
    results, images = options.out / "results", options.out / "images"
    for folder in (results, images, study.runs):
        folder.mkdir(parents=True, exist_ok=True)
    report = kept_report(results / "learning.json", options.tapes)
    for recipe in options.recipes:
        outcomes = [outcome(study, recipe, seed) for seed in range(options.train_seeds)]
        report[recipe] = summary(study, recipe, outcomes)
        print(table(recipe, report[recipe]), flush=True)
        write_text(results / "learning.json", json.dumps({"tapes": options.tapes, "recipes": report}, indent=1) + "\n")
    if any(recipe.startswith(tuple(FAMILIES)) for recipe in options.recipes):
        draw(study, images / "learning.png")


if __name__ == "__main__":
    sys.exit(main())
