"""Searches for a linear policy: corrections of a plan of DTO-EE on EarlyExit, prices on the other environments.

python -m scripts.search --out runs/search
python -m scripts.search --environment EdgeLLM/MultiNode-v0 --generations 20 --population 32 --rows 8 --jobs 2
edge-llm-gym compare --env EdgeLLM/MultiNode-v0 -p ot-gah,runs/search/linear.zip

Every generation is written to the folder. The same command continues an interrupted search and finds the same policy.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_llm_gym.interrupts import exit_status

if TYPE_CHECKING:
    from agents.search import SearchState
    from edge_llm_gym.evaluation.workers import Workers


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command continues the search")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import add_workers, chosen_workers, run_cli
    from agents.search import SearchConfig

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/search"), help="folder of the run")
    parser.add_argument("--overwrite", action="store_true", help="replace another search in the folder")
    add_workers(parser)
    for name, field in SearchConfig.model_fields.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=field.annotation, default=field.default)
    options = parser.parse_args(arguments)
    settings = {name: getattr(options, name) for name in SearchConfig.model_fields}
    return run_cli(lambda: _run(settings, options.out, options.overwrite, chosen_workers(options)))


def _run(settings: dict, folder: Path, overwrite: bool, workers: "Workers") -> None:
    from agents.search import SearchState, read_search_config
    from agents.search_run import run_search
    from edge_llm_gym.sheets.progress import progress

    config = read_search_config(settings)
    with progress() as shown:
        advance = shown.task("generations", config.generations)

        def report(state: SearchState) -> None:
            advance(state.generation)
            if state.generation:
                shown.say(f"generation {state.generation} of {config.generations}: {figures(state)}")

        run_search(config, folder, overwrite=overwrite, jobs=workers, report=report)
    print(f"wrote {folder / 'linear.zip'}")


def figures(state: "SearchState") -> str:
    """The scores of the last generation in a few words."""
    mean, best, held_out = state.curve[-1]
    return f"mean score {mean:.4f}, best {best:.4f}, score on held-out tapes {held_out:.4f}"


if __name__ == "__main__":
    sys.exit(main())
