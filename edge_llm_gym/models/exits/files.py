"""Exit profiles by name and in .npz files."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from types import MappingProxyType

import numpy as np

from edge_llm_gym.files import replacing
from edge_llm_gym.models.exits.parametric import parametric_profile
from edge_llm_gym.models.exits.profile import ExitProfile
from edge_llm_gym.models.exits.tables import read_table
from edge_llm_gym.names import suggestion


@cache
def _shipped(name: str) -> ExitProfile:
    file = resources.files("edge_llm_gym.models") / "profiles" / f"{name}.npz"
    with file.open("rb") as stream:
        return ExitProfile(**({"name": name} | read_table(stream, name)))


PROFILES: Mapping[str, Callable[[], ExitProfile]] = MappingProxyType(
    {
        "code-lines": lambda: _shipped("code-lines"),
        "stdlib-lm": lambda: _shipped("stdlib-lm"),
        "parametric": parametric_profile,
    }
)
"""Profiles by name. "code-lines" and "stdlib-lm" are measured; see docs/results/exit-profile.md."""


def exit_profile(name_or_path: str | PathLike[str]) -> ExitProfile:
    """The profile with a name in `PROFILES`, or the profile in an .npz file.

    The file holds the arrays ``confidence`` and ``correct`` and optionally the strings ``name`` and ``source``, as
    written by `save_profile` or ``numpy.savez``. Pickled objects are rejected, and so are files that unpack to more
    than 268 MB.

    Raises ValueError for an unknown name, with a suggestion, and for an invalid file, with its path; FileNotFoundError
    for a missing file.
    """
    if isinstance(name_or_path, str) and name_or_path in PROFILES:
        return PROFILES[name_or_path]()
    path = Path(name_or_path)
    if path.is_file():
        return _read(path)
    if path.suffix == ".npz":
        raise FileNotFoundError(f"exit profile: there is no file {str(path)!r}; give a path that exists")
    name = str(name_or_path)
    raise ValueError(
        f"unknown exit profile {name!r} (a name, or the path of an .npz file); {suggestion(name, PROFILES)}"
    )


def _read(path: Path) -> ExitProfile:
    try:
        with path.open("rb") as stream:
            return ExitProfile(**({"name": path.stem} | read_table(stream, path.stem)))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}") from error


def save_profile(profile: ExitProfile, path: str | PathLike[str]) -> None:
    """Write a profile to a compressed file that `exit_profile` reads. Raises ValueError unless it ends in .npz."""
    if Path(path).suffix != ".npz":
        raise ValueError(f"exit profiles are stored in .npz files, got {str(path)!r}: give a path that ends in .npz")
    with replacing(path) as temporary:
        np.savez_compressed(
            temporary,
            confidence=profile.confidence,
            correct=profile.correct,
            name=np.array(profile.name),
            source=np.array(profile.source),
        )
