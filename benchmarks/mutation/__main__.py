"""Runs mutation testing, or continues it: python -m benchmarks.mutation --count 240 --out docs/dev/mutation.md

Results are kept below --folder: the same command continues a run that was stopped, and a larger --count extends it.
Delete the folder to begin anew.
"""

import argparse
from pathlib import Path

from benchmarks.mutation.report import render
from benchmarks.mutation.trials import Trials
from benchmarks.mutation.workspace import Workspace
from edge_llm_gym.files import write_text


def main() -> None:
    """Reads the arguments, tries the mutants and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=240, help="mutants to try in all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample")
    parser.add_argument("--folder", type=Path, default=Path("runs/mutation"), help="where results are kept")
    parser.add_argument("--out", type=Path, default=Path("runs/mutation/mutation.md"), help="the page to write")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    workspace = Workspace(arguments.folder.resolve())
    workspace.prepare()
    trials = Trials(workspace, arguments.seed)
    trials.draw(arguments.count)
    trials.run()
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, render(trials.results(), workspace.tree, arguments.seed))
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
