"""Writes the policy of a training run as a .safetensors file, with a record of its training and its scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import edge_llm_gym
from agents.config import TEST_TAPES, RunConfig, read_config
from agents.evaluation import evaluate, expert_scores, make_envs
from edge_llm_gym.evaluation.statistics import paired_difference
from edge_llm_gym.sb3.description import PolicyDescription, config_path, describe
from edge_llm_gym.sb3.loading import archived_weights, load_policy
from edge_llm_gym.sb3.policy_file import PolicyFile, read_policy_file, write_policy_file


def export(
    archive: Path, out: Path, *, experts: Sequence[str] = (), tapes: int = 100, first_tape: int = TEST_TAPES
) -> PolicyFile:
    """Writes the policy in model.zip, best.zip or a checkpoint to `out`, and returns what was written.

    The record has

    - "package", the version that trained it, and "training", the settings of the run beyond the description;
    - "held_out": "first_tape" and "score", the score on each of `tapes` tapes in turn (the share of the value that is
      served, in streaming dynamics the return), as the written file reaches it;
    - "experts": name -> "score" on the same tapes, and "difference", the paired mean difference of the policy to it,
      with the bounds of its 95 % interval.

    Raises ConfigError for a file that holds no policy.
    """
    config, description = read_config(config_path(archive)), describe(archive)
    weights = {name: tensor.numpy() for name, tensor in archived_weights(archive).items()}
    about: dict[str, Any] = {"package": edge_llm_gym.__version__, "training": _training(config)}
    write_policy_file(out, PolicyFile(description, weights, about))
    if tapes:
        about |= _scores(out, config, experts, tapes, first_tape)
        write_policy_file(out, PolicyFile(description, weights, about))
    return read_policy_file(out)


def _training(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude=set(PolicyDescription.model_fields))


def _scores(path: Path, config: RunConfig, experts: Sequence[str], tapes: int, first_tape: int) -> dict[str, Any]:
    config = config.on_tapes(tapes, first_tape)
    envs = make_envs(config, tapes)
    own = evaluate(envs, load_policy(path, envs), first_tape).score
    others = {name: expert_scores(config, name).score for name in experts}
    return {
        "held_out": {"first_tape": first_tape, "score": own.tolist()},
        "experts": {
            name: {"score": score.tolist(), "difference": vars(paired_difference(own, score))}
            for name, score in others.items()
        },
    }


def summary(content: PolicyFile) -> list[str]:
    """Lines of text about the scores in a record."""
    about = content.about
    if "held_out" not in about:
        return []
    own, first = np.array(about["held_out"]["score"]), about["held_out"]["first_tape"]
    lines = [f"{own.size} tapes from seed {first}: score {own.mean():.4f}"]
    for name, expert in about["experts"].items():
        gain = expert["difference"]
        lines.append(
            f"{name} {np.mean(expert['score']):.4f}, difference {gain['mean']:+.4f} "
            f"[{gain['low']:+.4f}, {gain['high']:+.4f}]"
        )
    return lines
