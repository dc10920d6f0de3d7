"""Measures an exit profile: trains a small multi-exit transformer on Python's standard library and records its answers.

python scripts/make_exit_profile.py --out edge_llm_gym/models/profiles/stdlib-lm.npz

Needs PyTorch 2.9 or newer and about seven minutes on one core. It runs in one thread with a fixed seed: the same seed,
Python, PyTorch and processor give the same table.
"""

import argparse
import math
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from exit_profile.corpus import Corpus, read_corpus
from exit_profile.measurement import Answers, measure
from exit_profile.model import Shape
from exit_profile.training import Trained, steps_within, train

from edge_llm_gym.models.exits import ExitProfile, save_profile

STEPS = 2200
ROWS = 32_768
HEADS, HEAD_WIDTH = 3, 32


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    corpus = read_corpus(options.seed)
    print(f"standard library: {corpus.files[0]} files to train on, {corpus.files[1]} held out")
    shape = Shape(width=HEAD_WIDTH * options.heads, heads=options.heads)
    steps = steps_within(options.minutes, corpus.training, shape) if options.minutes else options.steps
    trained = train(corpus.training, shape, steps, options.seed)
    answers = measure(trained.model, corpus.held_out, options.rows, options.seed)
    source = describe(trained, corpus, answers, options.seed)
    profile = ExitProfile(options.out.stem, answers.confidence, answers.correct, source)
    save_profile(profile, options.out)
    accuracy = " ".join(f"{share:.3f}" for share in profile.accuracy)
    print(f"{source}\naccuracy by exit {accuracy}\nwrote {options.out} ({options.out.stat().st_size} bytes)")
    return 0


def describe(trained: Trained, corpus: Corpus, answers: Answers, seed: int) -> str:
    """The origin of the table, in one line."""
    shape = trained.model.shape
    losses = ", ".join(f"{loss:.3f}" for loss in answers.loss)
    return (
        f"next-byte predictions of a transformer of {shape.layers} layers, width {shape.width}, {shape.heads} heads, "
        f"context {shape.context}, {shape.exits} exits and {trained.model.parameter_count} parameters, trained for "
        f"{trained.steps} steps ({trained.seen_bytes} bytes, seed {seed}) on {corpus.files[0]} source files of the "
        f"standard library of Python {platform.python_version()}, measured on {corpus.files[1]} others; "
        f"held-out loss by exit {losses} nats per byte; made by scripts/make_exit_profile.py with "
        f"PyTorch {torch.__version__.split('+')[0]}"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--steps", type=_count, default=STEPS, help="training steps (default: %(default)s)")
    length.add_argument("--minutes", type=_minutes, help="train for about this long on this machine")
    parser.add_argument(
        "--heads", type=_count, default=HEADS, help=f"attention heads of width {HEAD_WIDTH} (default: %(default)s)"
    )
    parser.add_argument("--rows", type=_count, default=ROWS, help="rows of the table (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the split, the model and the windows (default: 0)")
    parser.add_argument("--out", type=_npz, required=True, help="the .npz file to write; its stem names the profile")
    return parser


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return count


def _minutes(text: str) -> float:
    if not 0 < (minutes := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"must be positive and finite, got {text}")
    return minutes


def _npz(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".npz" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"must end in .npz and lie in a folder that exists, got {text!r}")
    return path


if __name__ == "__main__":
    sys.exit(main())
