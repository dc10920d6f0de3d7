"""The folder of a run: begun, resumed or overwritten.

| in the folder | content |
|---|---|
| `config.yaml`, `versions.json` | the resolved configuration, the versions of the libraries |
| `model.zip`, `best.zip` | the final weights, the best ones on the held-out seeds |
| `checkpoint.json`, `checkpoint-*/` | the state to resume from |
| `imitation/`, `imitation.json` | the state of an imitation, and the scores of its rounds |
| `tensorboard/`, `progress.csv` | the curves |
| `expert-scores.json` | the expert on the held-out seeds |
"""

import json
import platform
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal

from agents.config import RunConfig, write_config
from edge_llm_gym.files import remove_leftovers, writable_folder, write_text
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.settings import ConfigError

LIBRARIES = ("torch", "stable-baselines3", "sb3-contrib", "gymnasium", "numpy", "numba")
WRITTEN: Final = (
    "checkpoint.json", "checkpoint-*", "imitation", "imitation.json", "tensorboard", "progress*.csv", "model.zip",
    "best.zip", "expert-scores.json", "versions.json", CONFIG_FILE,
)  # fmt: skip
"""What a run writes, in the order of removal: nothing is resumed from a folder that is half removed."""

Start = Literal["new", "resume", "overwrite"]


def check_folder(folder: Path, start: Start) -> None:
    """Raises ConfigError where there is a run in the way of a new one, or none to resume."""
    holds_run = (folder / CONFIG_FILE).exists()
    if start == "new" and holds_run:
        raise ConfigError(
            f"{folder} already holds a run: resume it (--resume), replace it (--overwrite) or choose another folder"
        )
    if start == "resume" and not holds_run:
        raise ConfigError(f"there is no run to resume in {folder}: no {CONFIG_FILE}; start one with --out {folder}")


def begin_folder(config: RunConfig, folder: Path, start: Start = "new") -> None:
    """Makes the folder, removes the run that is overwritten, and writes the configuration and versions.

    Raises ConfigError as `check_folder` does, and ValueError for a folder that cannot be written into.
    """
    check_folder(folder, start)
    writable_folder(folder)
    if start == "overwrite":
        _remove_run(folder)
    remove_leftovers(folder)
    write_config(config, folder / CONFIG_FILE)
    versions = {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()}
    write_text(folder / "versions.json", json.dumps(versions, indent=1) + "\n")


def _remove_run(folder: Path) -> None:
    for pattern in WRITTEN:
        for path in folder.glob(pattern):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
