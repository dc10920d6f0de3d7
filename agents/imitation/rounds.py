"""The finished rounds of an imitation in the folder of its run, from which it continues after an interruption.

`imitation/labels-<round>.npz` holds the labels of a round, and `imitation/state.pt` weights, optimiser, generators and
scores after the last one. The state is replaced after the labels of its round are
complete, so that a kill at any moment leaves finished rounds. Each part holds its round; a mix is refused. Reading them
runs no code.
"""

import json
import pickle
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch as th

from agents.checkpoint import check_identity
from agents.generators import generator_states, restore_generators
from agents.imitation.fitting import Fit
from agents.imitation.labels import Arrays, Labels
from edge_llm_gym.arrays import Array
from edge_llm_gym.files import remove_leftovers, replacing
from edge_llm_gym.settings import ConfigError

FOLDER: Final = "imitation"
REMEDY: Final = "start the run anew with --overwrite, or in another folder"
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    pickle.PickleError,
)
Parts = tuple[list[Arrays], list[Array]]


class Rounds:
    """The rounds of a run. `identity` holds the settings that a run must share with the rounds it continues."""

    def __init__(self, run: Path, identity: Mapping[str, Any]) -> None:
        self._folder, self._identity = run / FOLDER, dict(identity)
        remove_leftovers(self._folder)

    def keep(self, round_: int, added: Parts, fit: Fit, report: list[dict[str, float]]) -> None:
        """Writes a finished round: the labels it added, and the state after it."""
        self._folder.mkdir(exist_ok=True)
        tokens, actions = added
        joined = {key: np.concatenate([part[key] for part in tokens]) for key in tokens[0]}
        arrays: Any = {f"tokens.{key}": array for key, array in joined.items()}
        with replacing(self._labels(round_)) as temporary:
            np.savez_compressed(temporary, round=round_, actions=np.concatenate(actions), **arrays)
        about = {"identity": self._identity, "report": report, "generators": generator_states()}
        with replacing(self._state) as temporary:
            th.save({"round": round_, "about": json.dumps(about), "fit": fit.state()}, temporary)

    def restore(self, labels: Labels, fit: Fit) -> list[dict[str, float]]:
        """Adds the labels of all finished rounds, restores the state after the last one, and returns the scores.

        Nothing is changed where no round is kept.

        Raises ConfigError for rounds of other settings, and for parts that are damaged, missing or of another run.
        """
        if not self._state.is_file():
            return []
        try:
            state = th.load(self._state, weights_only=True)
            about = json.loads(state["about"])
            check_identity(about["identity"], self._identity, self._folder)
            for round_ in range(1, state["round"] + 1):
                labels.add(*self._read(round_))
            report: list[dict[str, float]] = about["report"]
            self._check(labels, report)
            fit.restore(state["fit"])
            restore_generators(about["generators"])
        except ConfigError:
            raise
        except UNREADABLE as error:
            raise ConfigError(
                f"the rounds in {self._folder} cannot be read ({type(error).__name__}: {error}); {REMEDY}"
            ) from error
        return report

    def _check(self, labels: Labels, report: list[dict[str, float]]) -> None:
        expected = report[-1]["labels"]
        if len(labels) != expected:
            raise ConfigError(
                f"{self._folder} mixes parts of different runs: there are {len(labels)} labels, and state.pt is of a "
                f"run with {expected:g}; {REMEDY}"
            )

    def _read(self, round_: int) -> Parts:
        with self._labels(round_).open("rb") as file, np.load(file) as arrays:
            if int(arrays["round"]) != round_:
                raise ConfigError(f"{self._labels(round_)} holds labels of round {int(arrays['round'])}; {REMEDY}")
            names = [name for name in arrays.files if name.startswith("tokens.")]
            return [{name.removeprefix("tokens."): arrays[name] for name in names}], [arrays["actions"]]

    def _labels(self, round_: int) -> Path:
        return self._folder / f"labels-{round_:03d}.npz"

    @property
    def _state(self) -> Path:
        return self._folder / "state.pt"


def remove_rounds(run: Path) -> None:
    """Removes the kept rounds of a run."""
    shutil.rmtree(run / FOLDER, ignore_errors=True)
