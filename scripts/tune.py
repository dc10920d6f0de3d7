"""Searches hyperparameters of a configuration with Optuna, in the space of its section `tuning`.

python -m scripts.tune configs/agents/ppo-multi-node.yaml --trials 40 --out runs/tune
python -m scripts.train runs/tune/best.yaml --out runs/tuned

Trials are scored on the held-out tapes of section `evaluation`, never on test tapes. The same command continues an
interrupted search, and several of them may run in one folder at the same time.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_llm_gym.interrupts import exit_status

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command continues the search")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import add_settings, at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="YAML file with a section tuning; some in configs/agents have one")
    parser.add_argument("--trials", type=at_least(1), default=40, help="number of trials in the folder at the end")
    parser.add_argument("--out", type=Path, help="folder of the search; runs/tune-<name of the configuration>")
    parser.add_argument("--overwrite", action="store_true", help="replace another search in the folder")
    add_settings(parser)
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.command import configuration

    try:
        import optuna
    except ImportError as error:
        raise ImportError("a search needs Optuna: pip install 'edge-llm-gym[tune]'") from error
    from agents.tuning import BEST, tune

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = options.out or Path("runs") / f"tune-{Path(options.config).stem}"
    config = configuration(options.config, options.set)
    tune(config, folder, options.trials, overwrite=options.overwrite, report=say)
    if not (folder / BEST).is_file():
        raise ValueError(f"no trial has a score; {folder / 'trials.csv'} says why. Change the space of the search")
    print(f"wrote {folder / BEST}; train it with python -m scripts.train {folder / BEST}")


def say(trial: "FrozenTrial", study: "Study") -> None:
    """Prints one line about a trial."""
    print(f"trial {trial.number}: {outcome(trial)}", flush=True)


def outcome(trial: "FrozenTrial") -> str:
    """How a trial ended, in a few words."""
    if "error" in trial.user_attrs:
        return f"no score, {trial.user_attrs['error'].splitlines()[-1]}"
    last = f"score {trial.intermediate_values[max(trial.intermediate_values)]:.4f}"
    values = ", ".join(
        f"{path} {value:.4g}" if isinstance(value, float) else f"{path} {value}" for path, value in trial.params.items()
    )
    return f"{last}{'' if trial.state.name == 'COMPLETE' else ', pruned'}; {values}"


if __name__ == "__main__":
    sys.exit(main())
