"""The tasks of scripts/make_exit_profile.py by name: what a row of the profile is, sizes, corpus and measurement."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from exit_profile.corpus import Corpus, read_corpus, standard_library
from exit_profile.lines import LONGEST, SHORTEST, SMALLEST_CONTEXT, measure_lines
from exit_profile.measurement import Answers, measure_bytes
from exit_profile.model import Shape
from exit_profile.packages import installed_packages, read_packages
from exit_profile.tokens import LARGEST, SMALLEST
from exit_profile.training import last_twice, rising


@dataclass(frozen=True)
class Size:
    """Defaults of the options."""

    shape: Shape
    steps: int
    windows_per_step: int
    rows: int
    device: str
    folders: Callable[[], list[Path]]


@dataclass(frozen=True)
class Task:
    """One kind of row."""

    summary: str
    token: str
    """What the model predicts"""
    sizes: Mapping[str, Size]
    smallest_context: int
    vocabulary: tuple[int, int]
    """Smallest and largest vocabulary"""
    takes_folders: bool
    needs: str | None
    """Library that the task needs besides PyTorch"""
    loss_weights: Callable[[int], Tensor]
    read: Callable[[Sequence[Path], int, int], Corpus]
    """The corpus from folders, vocabulary and seed"""
    measure: Callable[..., Answers]
    """The rows from model, corpus, number of rows, seed and device"""


BYTES_SMALL = Size(Shape(), 2200, 4, 32_768, "cpu", lambda: [standard_library()])
LINES_SMALL = Size(Shape(4, 4, 128, 4, 128, 2048, "adapter"), 1000, 8, 4096, "cpu", lambda: [standard_library()])
LINES_FULL = Size(Shape(12, 4, 512, 8, 256, 8192, "adapter"), 7125, 64, 16_384, "cuda", installed_packages)

TASKS: dict[str, Task] = {
    "bytes": Task(
        summary="next-byte predictions",
        token="byte",
        sizes={"small": BYTES_SMALL},
        smallest_context=2,
        vocabulary=(256, 256),
        takes_folders=False,
        needs=None,
        loss_weights=rising,
        read=lambda folders, vocabulary, seed: read_corpus(seed),
        measure=measure_bytes,
    ),
    "lines": Task(
        summary=f"line completion, exact match, answers of {SHORTEST} to {LONGEST} tokens generated greedily at one "
        "exit, confidence = geometric mean of token probabilities,",
        token="token",
        sizes={"small": LINES_SMALL, "full": LINES_FULL},
        smallest_context=SMALLEST_CONTEXT,
        vocabulary=(SMALLEST, LARGEST),
        takes_folders=True,
        needs="tokenizers",
        loss_weights=last_twice,
        read=read_packages,
        measure=measure_lines,
    ),
}
