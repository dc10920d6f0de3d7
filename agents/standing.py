"""How a trained policy stands against experts on the same seeds."""

from collections.abc import Sequence
from pathlib import Path

from agents.config import ConfigError
from agents.evaluation import evaluate, expert_scores, make_envs
from agents.loading import config_of, load_policy


def standing(path: Path, experts: Sequence[str] | None, seeds: int, first_seed: int) -> list[str]:
    """Lines of text: the mean score of each policy, and the paired difference of the learner to each expert."""
    config = config_of(path)
    rivals = experts or [name for name in (config.evaluation.expert,) if name is not None]
    if not rivals:
        raise ConfigError("the run names no expert to be compared with; name one with --against")
    chosen = config.evaluation.model_copy(update={"seeds": seeds, "first_seed": first_seed})
    config = config.model_copy(update={"evaluation": chosen})
    envs = make_envs(config, seeds)
    learner = evaluate(envs, load_policy(path, envs), first_seed)
    lines = [f"{'learner':24} {learner.score.mean():9.4f}"]
    for name in rivals:
        expert = expert_scores(config, name)
        regret = expert.regret(learner)
        lines.append(
            f"{name:24} {expert.score.mean():9.4f}  learner {regret.mean:+.4f} [{regret.low:+.4f}, {regret.high:+.4f}]"
        )
    return lines
