"""Corpora of Python sources: the record, the search for files, and the standard library as bytes, split by file."""

import os
import platform
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
SEPARATOR = 0
"""Token id between two files; as a byte it appears in no source."""


class CorpusError(ValueError):
    """The sources do not suffice for what is asked."""


@dataclass(frozen=True)
class Corpus:
    """Token ids of the training files and of the held-out files, each one array of unsigned integers."""

    training: NDArray[np.unsignedinteger]
    held_out: NDArray[np.unsignedinteger]
    files: tuple[int, int]
    """Number of training files and of held-out files"""
    origin: str
    """Where both come from, in words"""
    newline: int = ord("\n")
    """Token id of a line end"""


def read_corpus(seed: int) -> Corpus:
    """The standard library's sources as bytes: a random tenth of the files, drawn with the seed, is held out."""
    texts = [path.read_bytes() for path in source_files(standard_library())]
    held_out = np.random.default_rng(seed).permutation(len(texts)) < HELD_OUT_SHARE * len(texts)
    parts = [[text for text, out in zip(texts, held_out, strict=True) if out == wanted] for wanted in (False, True)]
    files = (len(parts[0]), len(parts[1]))
    origin = f"{files[0]} source files of the standard library of Python {platform.python_version()}"
    return Corpus(_joined(parts[0]), _joined(parts[1]), files, f"{origin}, measured on {files[1]} others")


def standard_library() -> Path:
    """The folder of Python's standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def source_files(root: Path) -> list[Path]:
    """The Python sources below a folder sorted by name, without tests and generated files."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = set(subfolders) - SKIPPED_FOLDERS - GENERATED
        found += [Path(folder, name) for name in names if name.endswith(".py") and not name.startswith(BUILD_RECORD)]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def _joined(texts: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(bytes([SEPARATOR]).join(texts), dtype=np.uint8)
