"""Exports a trained policy to a .safetensors file, which holds no code and needs no folder of a run.

python -m scripts.export runs/parameters-multi-node/model.zip --out multi-node.safetensors --against ot-gah
edge-llm-gym compare -p ot-gah,multi-node.safetensors

The weights are scored on held-out tapes, and the scores are written with them; --tapes 0 leaves that out.
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
    parser.add_argument("policy", type=Path, help="model.zip, best.zip or a checkpoint of a run")
    parser.add_argument("--out", type=Path, required=True, help="the .safetensors file")
    parser.add_argument("--against", action="append", default=[], metavar="EXPERT", help="repeatable")
    parser.add_argument("--tapes", type=at_least(0), default=100, help="held-out tapes")
    parser.add_argument("--first-tape", type=at_least(0), default=TEST_TAPES, help="seed of the first of them")
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.export import export, summary
    from edge_llm_gym.sb3.policy_file import ENDING

    if options.out.suffix != ENDING:
        raise ValueError(f"--out takes the path of a file that ends in {ENDING}, got {str(options.out)!r}")
    content = export(
        options.policy, options.out, experts=options.against, tapes=options.tapes, first_tape=options.first_tape
    )
    print("\n".join([f"wrote {options.out}", *summary(content)]))


if __name__ == "__main__":
    sys.exit(main())
