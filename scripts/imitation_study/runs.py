"""Clones and PPO from them: each in a folder, none repeated, and an interrupted one continued."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from agents.config import RunConfig, read_config
from agents.imitation import command
from agents.training import train
from scripts.imitation_study.cases import CASES
from scripts.kept_runs import SCORES, SECONDS, check_settings, run_once, start_of

CLONED: Final = ("environment", "codec", "algorithm", "policy", "imitation", "seed")
"""Sections of the configuration that a clone depends on."""


@dataclass(frozen=True)
class Study:
    """Where runs are kept, the number of held-out tapes, and changes of the recipes by dotted path."""

    runs: Path = Path("runs/imitation")
    tapes: int = 100
    changes: Mapping[str, Any] = field(default_factory=dict)

    def clone(self, name: str, expert: str, seed: int) -> "Clone":
        """The clone of an expert in an environment of the study, for a training seed."""
        config = config_of(name, expert, seed, self.changes)
        return Clone(name, expert, seed, config, self.runs / name / f"{expert}-{seed}")


@dataclass(frozen=True)
class Clone:
    """A clone: its configuration, and the folders of its run and of PPO from it."""

    name: str
    expert: str
    seed: int
    config: RunConfig
    folder: Path

    @property
    def tuned(self) -> Path:
        """The folder of PPO from the clone."""
        return self.folder.with_name(f"{self.folder.name}-ppo")

    def make(self) -> None:
        """Clones the expert, unless the run is there. Raises ConfigError for a run of other settings."""
        check_settings(self.folder, self.config, CLONED)
        run_once(self.folder, lambda: command.clone(self.config, self.folder, start=start_of(self.folder)))

    def tune(self) -> None:
        """Runs PPO in a copy of the folder, unless that run is there. Raises ConfigError for one of other settings."""
        self.make()
        check_settings(self.tuned, self.config)
        run_once(self.tuned, self._tune)

    def _tune(self) -> None:
        if not self.tuned.is_dir():
            self._copy()
        train(self.config, self.tuned, start="resume")

    def _copy(self) -> None:
        """The folder of PPO with the finished imitation, complete from the moment at which it exists."""
        part = self.tuned.with_name(f"{self.tuned.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(self.folder, part, ignore=shutil.ignore_patterns(SECONDS, SCORES))
        part.replace(self.tuned)


def config_of(name: str, expert: str, seed: int, changes: Mapping[str, Any]) -> RunConfig:
    """The recipe of an environment with another expert and training seed, in the imitation too."""
    path = f"configs/agents/dagger-{name}.yaml"
    own = {"imitation.expert": expert, "evaluation.expert": expert} | dict(CASES[name].changes(expert))
    chosen = own | dict(changes)
    return read_config(path, chosen | read_config(path, chosen).seed_changes(seed))
