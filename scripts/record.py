"""Records one episode of a trained policy or an expert as an animated GIF.

python -m scripts.record runs/ppo-multi-node/best.zip --out episode.gif
python -m scripts.record ot-gah --env EdgeLLM/MultiNode-v0 --epochs 30 --seed 7 --out ot-gah.gif
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

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("policy", help="model.zip or best.zip in the folder of a run, or an expert's name")
    parser.add_argument("--env", help="environment id; that of the run by default")
    parser.add_argument("--epochs", type=at_least(1), default=50, help="largest number of frames")
    parser.add_argument("--seed", type=at_least(0), default=0)
    parser.add_argument("--frame-ms", type=at_least(10), default=500, help="duration of each frame in ms")
    parser.add_argument("--out", type=Path, default=Path("episode.gif"))
    return run_cli(lambda: _run(parser.parse_args(arguments)))


def _run(options: argparse.Namespace) -> None:
    from agents.recording import record

    frames, total = record(
        options.policy, options.out, environment=options.env, seed=options.seed, epochs=options.epochs,
        frame_ms=options.frame_ms,
    )  # fmt: skip
    print(f"wrote {frames} frames to {options.out}; reward {total:.4g} in these epochs")


if __name__ == "__main__":
    sys.exit(main())
