"""DAgger (Ross, Gordon & Bagnell 2011): the expert labels the states that the agent visits.

In the first round the expert acts, which is behaviour cloning; in later rounds the agent acts. After each round the
agent is fitted to all labels so far. The expert needs observations alone, so it can label any state.
"""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.callbacks.progress import progress_bar
from agents.config import ImitationConfig, RunConfig
from agents.evaluation import Scores, evaluate, expert_scores, make_envs
from agents.imitation.fitting import Fit
from agents.imitation.labels import Arrays, LabellingPolicy, Labels, as_labels, collect
from agents.imitation.losses import LOSSES
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.experts import make_expert
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.settings import ConfigError

Report = list[dict[str, float]]


def imitate(
    policy: Any,
    config: RunConfig,
    imitation: ImitationConfig,
    folder: Path,
    *,
    given: tuple[Arrays, Arrays] | None = None,
    bar: bool = False,
) -> Report:
    """Fits an actor-critic policy to an expert; writes and returns the scores after each round.

    `given` observations and actions [n, ...] are labels to start with, beside those that the rounds collect.

    Raises ConfigError for a policy that has no distribution to fit, or a codec without a loss.
    """
    _check(policy, config)
    envs = make_envs(config, imitation.rows)
    agent = DecodedPolicy(policy, envs, config.codec.name, **config.codec.settings)
    labels, report = Labels(), Report()
    if given is not None:
        labels.add(*as_labels(*given, agent))
    name, settings = split_settings(imitation.expert)
    expert = make_expert(name, envs, **settings)
    held_out, reference = make_envs(config, config.evaluation.seeds), expert_scores(config, imitation.expert, folder)
    fit = Fit(policy, LOSSES[config.codec.name], imitation)
    with progress_bar() if bar else nullcontext() as shown:
        for round_ in range(imitation.rounds):
            advance = _advance(shown, f"round {round_ + 1}: labels", imitation.epochs_per_round)
            labelling = LabellingPolicy(expert, expert if round_ == 0 else agent, agent)
            labels.add(*_collect_round(envs, labelling, imitation, round_, advance))
            loss = fit(labels, _advance(shown, f"round {round_ + 1}: fit", imitation.passes))
            scores = evaluate(held_out, agent, config.evaluation.first_seed)
            report.append(_round_report(labels, loss, scores, reference))
            (folder / "imitation.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def _check(policy: Any, config: RunConfig) -> None:
    if not isinstance(policy, (ActorCriticPolicy, MaskableActorCriticPolicy)) or config.codec.name not in LOSSES:
        raise ConfigError(
            f"imitation needs an actor-critic algorithm (ppo, a2c, maskable-ppo) and a codec among {list(LOSSES)}, got "
            f"{config.algorithm!r} with {config.codec.name!r}"
        )


def _collect_round(
    envs: EdgeLLMVectorEnv,
    labelling: LabellingPolicy,
    imitation: ImitationConfig,
    round_: int,
    advance: Callable[[], None],
) -> tuple[list[Arrays], list[Any]]:
    """Labels of one round; each round has seeds of its own."""
    seed = imitation.seed + round_ * imitation.rows
    return collect(envs, labelling, imitation.epochs_per_round, seed, advance)


def _round_report(labels: Labels, loss: float, scores: Scores, reference: Scores) -> dict[str, float]:
    return {
        "labels": float(len(labels)),
        "loss": loss,
        "score": float(scores.score.mean()),
        "expert_score": float(reference.score.mean()),
    }


def _advance(shown: Any, text: str, total: int) -> Callable[[], None]:
    """A function that advances a progress bar by one; it does nothing without a bar."""
    if shown is None:
        return lambda: None
    task = shown.add_task(text, total=total)
    return lambda: shown.advance(task)
