"""Compares a trained policy with experts on the same seeds, as lines of text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agents.config import RunConfig, read_config
from agents.evaluation import evaluate, expert_scores, make_envs
from edge_llm_gym.evaluation.statistics import Interval
from edge_llm_gym.sb3 import load_policy
from edge_llm_gym.sb3.description import config_path
from edge_llm_gym.sb3.policy_file import ENDING, read_policy_file
from edge_llm_gym.settings import ConfigError


def compare_with_experts(path: Path, experts: Sequence[str] | None, seeds: int, first_seed: int) -> list[str]:
    """Lines of text: the mean score of each policy, and the agent's regret to each expert (expert minus agent)."""
    config = _config_of(path)
    names = experts or [name for name in (config.evaluation.expert,) if name is not None]
    if not names:
        raise ConfigError("the run names no expert to compare with; name one with --against")
    config = config.on_tapes(seeds, first_seed)
    envs = make_envs(config, seeds)
    agent = evaluate(envs, load_policy(path, envs), first_seed)
    empty = int(np.isnan(agent.score).sum())
    lines = [f"{empty} of {seeds} tapes have no requests and no score; they are left out"] if empty else []
    lines.append(f"{'agent':24} {agent.mean('score'):9.4f}")
    for name in names:
        expert = expert_scores(config, name)
        lines.append(f"{name:24} {expert.mean('score'):9.4f}  regret of the agent {regret_text(agent.regret(expert))}")
    return lines


def regret_text(regret: Interval) -> str:
    """Mean and interval; a single seed gives no interval, and a regret is undefined without a tape that has a score."""
    if not regret.is_defined:
        return "undefined" if np.isnan(regret.mean) else f"{regret.mean:+.4f} (one tape, no interval)"
    return f"{regret.mean:+.4f} [{regret.low:+.4f}, {regret.high:+.4f}]"


def _config_of(path: Path) -> RunConfig:
    """The configuration of the run of a policy; of a .safetensors file what describes the policy."""
    if path.suffix == ENDING:
        return read_config(read_policy_file(path).description.model_dump())
    return read_config(config_path(path))
