"""Trains an agent from a configuration: imitation first if the configuration has it, then reinforcement learning.

python -m scripts.train configs/agents/ppo-multi-node.yaml
python -m scripts.train configs/agents/ppo-multi-node.yaml --out runs/mine --set steps=200000 --set policy.width=64
python -m scripts.train --resume runs/mine --set steps=400000
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.command import add_settings, configuration, run_cli, run_folder

HELP = "YAML file; recipes are in configs/agents"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help=HELP)
    parser.add_argument("--out", type=Path, help="folder of the run; runs/<name of the configuration> by default")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="resume the run in this folder")
    add_settings(parser)
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.training import train

    if options.resume is None:
        folder = options.out or run_folder(options.config)
        train(configuration(options.config, options.set), folder, bar=True)
    else:
        folder = options.resume
        train(configuration(options.config or folder / "config.yaml", options.set), folder, resume=True, bar=True)
    print(f"the run is in {folder}; curves: tensorboard --logdir {folder / 'tensorboard'}")


if __name__ == "__main__":
    sys.exit(main())
