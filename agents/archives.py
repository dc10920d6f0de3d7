"""Archives of models: written as a whole, with the held-out score of their weights where there is one."""

import json
import zipfile
from pathlib import Path

from stable_baselines3.common.base_class import BaseAlgorithm

from edge_llm_gym.files import replacing

SCORE = "evaluation.json"
"""Entry of an archive beside those of Stable-Baselines3, which does not read it."""


def save_model(model: BaseAlgorithm, path: Path, score: float | None = None) -> None:
    """Writes weights, optimiser and counters in place of the file, and the score of the weights if given."""
    with replacing(path) as temporary:
        model.save(temporary)
        if score is not None:
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(SCORE, json.dumps({"score": score, "steps": model.num_timesteps}))


def score_in(path: Path) -> float:
    """The score of the weights in an archive; minus infinity for a missing file and one without a score."""
    try:
        with zipfile.ZipFile(path) as archive:
            return float(json.loads(archive.read(SCORE))["score"])
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        return float("-inf")
