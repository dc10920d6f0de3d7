"""Evaluates a trained policy and experts on the same held-out seeds and prints the paired differences.

python -m scripts.evaluate runs/ppo-multi-node/best.zip
python -m scripts.evaluate runs/ppo-multi-node/best.zip --against ot-gah --against 'dftsp[overrun_s=0]' --seeds 30

`edge-llm-gym compare -p runs/ppo-multi-node/best.zip,ot-gah` shows more figures and writes them to files.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from agents.command import run_cli


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", type=Path, help="model.zip or best.zip in the folder of a run")
    parser.add_argument("--against", action="append", metavar="EXPERT", help="repeatable; by default that of the run")
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--first-seed", type=int, default=3_000_000, help="training and its evaluation use other seeds")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.expert_comparison import compare_with_experts

    for line in compare_with_experts(options.policy, options.against, options.seeds, options.first_seed):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
