"""Clones experts by DAgger and compares the clones with them on held-out tapes; then PPO from the best one's clone.

python -m scripts.imitation_study
python -m scripts.imitation_study --environments multi-node --experts edf --tapes 20 --out runs/study
python -m scripts.imitation_study --environments multi-node --finetune

Writes docs/results/imitation.json after each expert and prints the rows of the tables on the page. Runs and scores
stay in a folder: one that is there is not repeated, and a run that was interrupted continues.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_llm_gym.interrupts import exit_status
from scripts.imitation_study.cases import CASES


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command continues the study")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--experts", nargs="+", metavar="EXPERT", help="only these; by default those of the study")
    parser.add_argument("--train-seeds", type=at_least(1), default=3, help="training seeds of each clone")
    parser.add_argument("--tapes", type=at_least(2), default=100, help="held-out tapes")
    parser.add_argument("--finetune", action="store_true", help="only PPO from the clone of each best expert")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change a setting of the runs")
    parser.add_argument("--runs", type=Path, default=Path("runs/imitation"), help="folder that keeps runs and scores")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of results/")
    return run_cli(lambda: _study(parser.parse_args(arguments)))


def _study(options: argparse.Namespace) -> None:
    from agents.command import parse_changes
    from scripts.imitation_study.report import cloned, cloned_line, tuned, tuned_line
    from scripts.imitation_study.runs import Clone, Study

    make, figures, line, ending = (
        (Clone.tune, tuned, tuned_line, " then ppo") if options.finetune else (Clone.make, cloned, cloned_line, "")
    )
    study = Study(options.runs, options.tapes, parse_changes(options.set))
    path = options.out / "results" / "imitation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in options.environments:
        for expert in [CASES[name].best] if options.finetune else options.experts or CASES[name].experts:
            clones = [study.clone(name, expert, seed) for seed in range(options.train_seeds)]
            for clone in clones:
                make(clone)
            row = figures(study, clones)
            _keep(path, f"{name} {expert}{ending}", row)
            print(line(name, expert, row), flush=True)


def _keep(path: Path, key: str, row: Mapping[str, Any]) -> None:
    """Adds a row to the file, in place of an earlier one of the same experts."""
    from edge_llm_gym.files import write_text

    table = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    write_text(path, json.dumps(table | {key: row}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    sys.exit(main())
