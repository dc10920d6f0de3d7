"""The corpus of the task "lines": Python packages as tokens, without duplicates, with whole packages held out."""

import platform
import sysconfig
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exit_profile.corpus import HELD_OUT_SHARE, Corpus, CorpusError, source_files, standard_library
from exit_profile.tokens import SEPARATOR_TEXT, encode, newline_id, train_tokenizer


class Source(NamedTuple):
    """One file: its text, and the package or single module to which it belongs."""

    package: str
    text: str


def installed_packages() -> list[Path]:
    """The standard library and the folders of installed packages, without repetition."""
    paths = sysconfig.get_paths()
    return list(dict.fromkeys([standard_library(), Path(paths["purelib"]), Path(paths["platlib"])]))


def read_packages(folders: Sequence[Path], vocabulary: int, seed: int) -> Corpus:
    """Tokens of the sources below the folders; the tokenizer is trained on the training packages only.

    Each file or folder directly in one of the folders is a package. Raises `CorpusError` if they do not suffice.
    """
    training, held_out = split(unique(read_sources(folders)), seed)
    tokenizer = train_tokenizer([source.text for source in training], vocabulary)
    parts = [encode(tokenizer, [source.text for source in part]) for part in (training, held_out)]
    counts = [len({source.package for source in part}) for part in (training, held_out)]
    origin = (
        f"{len(training)} source files of {counts[0]} packages (Python {platform.python_version()}), measured on "
        f"{len(held_out)} files of {counts[1]} other packages"
    )
    return Corpus(parts[0], parts[1], (len(training), len(held_out)), origin, newline_id(tokenizer))


def read_sources(folders: Iterable[Path]) -> list[Source]:
    """The sources below the folders in the order of folders and names; those that are not plain UTF-8 are left out."""
    paths = [(root, path) for root in folders for path in source_files(root)]
    texts = [(Path(path.relative_to(root).parts[0]).stem, _text(path)) for root, path in paths]
    return [Source(package, text) for package, text in texts if text is not None]


def unique(sources: Iterable[Source]) -> list[Source]:
    """The first source with each text: a file copied into two packages counts for the first of them only."""
    first: dict[str, Source] = {}
    for source in sources:
        first.setdefault(source.text, source)
    return list(first.values())


def split(sources: Sequence[Source], seed: int) -> tuple[list[Source], list[Source]]:
    """Training and held-out sources; all sources of a package are on the same side."""
    sizes: Counter[str] = Counter()
    for source in sources:
        sizes[source.package] += len(source.text)
    out = held_out_packages(sizes, seed)
    if not out:
        raise CorpusError(
            f"the sources have {len(sizes)} packages and none holds at most a tenth of the text, so none can be held "
            "out: give folders with more packages"
        )
    parts = [[source for source in sources if (source.package in out) == wanted] for wanted in (False, True)]
    return parts[0], parts[1]


def held_out_packages(sizes: Mapping[str, int], seed: int) -> set[str]:
    """Packages in an order drawn with the seed, each held out if at most a tenth of the total size then is."""
    names, limit = sorted(sizes), HELD_OUT_SHARE * sum(sizes.values())
    taken: set[str] = set()
    used = 0
    for index in np.random.default_rng(seed).permutation(len(names)):
        if used + sizes[names[index]] <= limit:
            taken.add(names[index])
            used += sizes[names[index]]
    return taken


def _text(path: Path) -> str | None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
    return None if SEPARATOR_TEXT in text else text
