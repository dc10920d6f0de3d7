"""The corpus: sources of Python's standard library, split by file."""

import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SKIPPED_FOLDERS = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"}
GENERATED = {"encodings", "pydoc_data"}
"""Long, similar tables, which would make the held-out text nearly a copy of the training text."""
BUILD_RECORD = "_sysconfigdata"
"""Prefix of the name of a file that describes the machine on which Python was built."""
HELD_OUT_SHARE = 0.1
SEPARATOR = b"\0"
"""Separates two files; appears in no source."""


@dataclass(frozen=True)
class Corpus:
    """Bytes of the training files and of the held-out files, each one uint8 array."""

    training: NDArray[np.uint8]
    held_out: NDArray[np.uint8]
    files: tuple[int, int]
    """Number of training files and of held-out files"""


def read_corpus(seed: int) -> Corpus:
    """The standard library's sources: a random tenth of the files, drawn with the seed, is held out."""
    texts = [path.read_bytes() for path in source_files(Path(sysconfig.get_paths()["stdlib"]))]
    held_out = np.random.default_rng(seed).permutation(len(texts)) < HELD_OUT_SHARE * len(texts)
    parts = [[text for text, out in zip(texts, held_out, strict=True) if out == wanted] for wanted in (False, True)]
    return Corpus(_joined(parts[0]), _joined(parts[1]), (len(parts[0]), len(parts[1])))


def source_files(root: Path) -> list[Path]:
    """The Python sources below a folder sorted by name, without tests and generated files."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - SKIPPED_FOLDERS - GENERATED
        found += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith(BUILD_RECORD)]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _joined(texts: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(SEPARATOR.join(texts), dtype=np.uint8)
