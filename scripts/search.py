"""Searches for a linear policy: corrections of a plan of DTO-EE on EarlyExit, prices on the other environments.

python -m scripts.search configs/agents/search-multi-node.yaml
python -m scripts.search --out runs/search
python -m scripts.search --environment EdgeLLM/MultiNode-v0 --generations 20 --population 32 --rows 8 --jobs 2
edge-llm-gym compare --env EdgeLLM/MultiNode-v0 -p ot-gah,runs/search/linear.zip

Options change what the configuration says. Every generation is written to the folder. The same command continues an
interrupted search and finds the same policy.
"""

import argparse
import sys
from argparse import SUPPRESS
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_llm_gym.interrupts import exit_status

if TYPE_CHECKING:
    from agents.search import SearchConfig, SearchState
    from edge_llm_gym.evaluation.workers import Workers


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command continues the search")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import add_workers, chosen_workers, run_cli, run_folder
    from agents.search import SearchConfig, read_search_config

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="YAML file; recipes are configs/agents/search-*.yaml")
    parser.add_argument(
        "--out", type=Path, help="folder of the run; runs/<name of the configuration>, or runs/search without one"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace another search in the folder")
    add_workers(parser)
    for name, field in SearchConfig.model_fields.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=field.annotation, help=f"{field.default} by default", default=SUPPRESS
        )
    options = parser.parse_args(arguments)
    settings = {name: value for name, value in vars(options).items() if name in SearchConfig.model_fields}
    return run_cli(
        lambda: _run(
            read_search_config(settings, options.config),
            options.out or run_folder(options.config or "search"),
            options.overwrite,
            chosen_workers(options),
        )
    )


def _run(config: "SearchConfig", folder: Path, overwrite: bool, workers: "Workers") -> None:
    from agents.search import SearchState
    from agents.search_run import run_search
    from edge_llm_gym.sheets.progress import progress

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
