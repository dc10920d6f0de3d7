"""Trains an agent from a configuration: imitation first if the configuration has it, then reinforcement learning.

python -m scripts.train configs/agents/ppo-multi-node.yaml
python -m scripts.train configs/agents/ppo-multi-node.yaml --out runs/mine --set steps=200000 --set policy.width=64
python -m scripts.train --resume runs/mine --set steps=400000
python -m scripts.train configs/agents/ppo-multi-node.yaml --out runs/mine --overwrite

A run that was interrupted resumes from its last checkpoint and leaves the files of an uninterrupted run.
"""

import argparse
import sys
from collections.abc import Sequence

from edge_llm_gym.interrupts import exit_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments), "the same command with --resume FOLDER continues the run")


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import add_run, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_run(parser, "YAML file; recipes are in configs/agents")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.archives import score_in
    from agents.command import chosen_run
    from agents.training import train

    config, folder, start = chosen_run(options)
    train(config, folder, start=start, bar=True)
    if (folder / "best.zip").is_file():
        print(f"best score {score_in(folder / 'best.zip'):.4f}, in best.zip")
    print(f"the run is in {folder}; curves: tensorboard --logdir {folder / 'tensorboard'}")


if __name__ == "__main__":
    sys.exit(main())
