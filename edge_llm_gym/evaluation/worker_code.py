"""What a worker on another machine must have in common with the process that sends it jobs: modules and versions."""

import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from edge_llm_gym.evaluation.identity import library_versions, package_identity


@dataclass(frozen=True)
class WorkerCode:
    """Where a process finds modules, and the versions of those that episodes depend on."""

    path: tuple[str, ...]
    versions: tuple[tuple[str, str | None], ...]

    @classmethod
    def here(cls) -> Self:
        """That of this process."""
        return cls(tuple(os.path.abspath(folder) for folder in sys.path), _versions())

    def prepare(self) -> None:
        """Lets this process find the same modules. Raises ValueError if it has other versions."""
        sys.path += [folder for folder in self.path if folder not in sys.path and Path(folder).exists()]
        there = dict(_versions())
        different = {name: (version, there[name]) for name, version in self.versions if version != there[name]}
        if different:
            listed = ", ".join(f"{name} {other} instead of {own}" for name, (own, other) in different.items())
            raise ValueError(
                f"worker {platform.node()} has {listed}, and results may depend on it; install the same versions on "
                f"all machines of the cluster"
            )


@cache
def _versions() -> tuple[tuple[str, str | None], ...]:
    """Names and versions; of this package with the hash of its files."""
    return (
        ("edge-llm-gym", package_identity()),
        ("Python", platform.python_version()),
        *library_versions().items(),
    )
