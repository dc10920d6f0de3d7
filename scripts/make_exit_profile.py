"""Measures an exit profile: trains a small multi-exit transformer on Python sources and records its answers.

python scripts/make_exit_profile.py --task lines --out lines.npz                # minutes on one core
python scripts/make_exit_profile.py --task lines --size full --out lines.npz    # needs a GPU
python scripts/make_exit_profile.py --task bytes --out bytes.npz                # seven minutes on one core

In the task "lines" a row is the rest of a line of code, generated with all its tokens at one exit: a request that is
answered there. In "bytes" a row is one predicted byte. Needs PyTorch 2.9 or newer, and tokenizers for "lines". It runs
in one thread with a fixed seed: on a CPU the same seed, sources, versions and processor give the same table.
"""

import sys
from collections.abc import Sequence

import torch
from exit_profile.corpus import Corpus
from exit_profile.measurement import Answers
from exit_profile.options import Settings, parse
from exit_profile.training import Trained, steps_within, train

from edge_llm_gym.command import run_cli
from edge_llm_gym.interrupts import exit_status
from edge_llm_gym.models.exits import ExitProfile, save_profile


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    settings = parse(__doc__, arguments)
    torch.set_num_threads(1)
    return exit_status(lambda: run_cli(lambda: _write(settings)))


def _write(settings: Settings) -> None:
    """Makes the profile, writes it, and prints its means by exit."""
    profile = make_profile(settings)
    save_profile(profile, settings.out)
    for name, values in (("accuracy", profile.accuracy), ("mean confidence", profile.confidence.mean(axis=0))):
        print(f"{name} by exit {' '.join(f'{value:.3f}' for value in values)}")
    print(f"wrote {settings.out} ({settings.out.stat().st_size} bytes)")


def make_profile(settings: Settings) -> ExitProfile:
    """Read the corpus, train a model and measure it. Raises `CorpusError` if the sources do not suffice."""
    task, shape, recipe, seed = settings.task, settings.shape, settings.recipe, settings.seed
    corpus = task.read(settings.folders, shape.vocabulary, seed)
    print(f"{corpus.training.size} {task.token}s of {corpus.origin} ({corpus.held_out.size} {task.token}s)")
    steps = settings.steps
    if settings.minutes:
        steps = steps_within(settings.minutes, corpus.training, shape, recipe)
    trained = train(corpus.training, shape, recipe, steps, seed)
    answers = task.measure(trained.model, corpus, settings.rows, seed, recipe.device)
    source = describe(settings, trained, corpus, answers)
    print(source)
    return ExitProfile(settings.out.stem, answers.confidence, answers.correct, source)


def describe(settings: Settings, trained: Trained, corpus: Corpus, answers: Answers) -> str:
    """The origin of the table, in one line."""
    shape, token = settings.shape, settings.task.token
    losses = ", ".join(f"{loss:.3f}" for loss in answers.loss)
    return (
        f"{settings.task.summary} of a transformer of {shape.layers} layers, width {shape.width}, {shape.heads} heads, "
        f"context {shape.context}, vocabulary {shape.vocabulary}, {shape.exits} exits and "
        f"{trained.model.parameter_count} parameters, trained for {trained.steps} steps "
        f"({trained.seen_tokens} {token}s, seed {settings.seed}) on {corpus.origin}; "
        f"held-out loss by exit {losses} nats per {token}; made by scripts/make_exit_profile.py with "
        f"PyTorch {torch.__version__.split('+')[0]} on {settings.recipe.device}"
    )


if __name__ == "__main__":
    sys.exit(main())
