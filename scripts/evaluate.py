"""Evaluates a trained policy and experts on the same held-out seeds and prints the paired differences.

python -m scripts.evaluate runs/ppo-multi-node/best.zip
python -m scripts.evaluate runs/ppo-multi-node/best.zip --against ot-gah --against 'dftsp[overrun_s=0]' --seeds 30

`edge-llm-gym compare -p runs/ppo-multi-node/best.zip,ot-gah` shows more figures and writes them to files.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_llm_gym.interrupts import exit_status


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import at_least, run_cli
    from agents.config import TEST_TAPES

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", type=Path, help="model.zip or best.zip in the folder of a run")
    parser.add_argument("--against", action="append", metavar="EXPERT", help="repeatable; by default that of the run")
    parser.add_argument("--seeds", type=at_least(1), default=30)
    parser.add_argument(
        "--first-seed", type=at_least(0), default=TEST_TAPES, help="training and its evaluation use other seeds"
    )
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.expert_comparison import compare_with_experts

    for line in compare_with_experts(options.policy, options.against, options.seeds, options.first_seed):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
