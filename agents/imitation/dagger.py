"""DAgger (Ross, Gordon & Bagnell 2011): the expert labels the states that the learner visits; one round is cloning.

In the first round the expert acts, in later ones the learner does; after each round the learner is fitted to all labels
so far. The expert reads observations alone, so it can label any state.
"""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch as th
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.policies import ActorCriticPolicy

from agents.acting import Learner
from agents.callbacks.progress import progress_bar
from agents.codecs import make_codec
from agents.config import ConfigError, ImitationConfig, RunConfig
from agents.evaluation import evaluate, expert_scores, make_envs
from agents.imitation.labels import Arrays, Labels, as_labels, collect
from agents.imitation.losses import LOSSES, Loss
from agents.tokens import make_tokens
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.experts import make_expert

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

    `given` observations and actions [n, ...] are labels to begin with, beside those that the rounds collect.

    Raises ConfigError for a policy that has no distribution to fit, or a codec without a loss.
    """
    if not isinstance(policy, (ActorCriticPolicy, MaskableActorCriticPolicy)) or config.codec.name not in LOSSES:
        raise ConfigError(
            f"imitation needs an actor-critic algorithm (ppo, a2c, maskable-ppo) and a codec among {list(LOSSES)}, got "
            f"{config.algorithm!r} with {config.codec.name!r}"
        )
    envs = make_envs(config, imitation.rows)
    name, settings = split_settings(imitation.expert)
    expert = make_expert(name, envs, **settings)
    learner = Learner("learner", policy, make_tokens(envs.scenario), make_codec_of(config, envs.scenario))
    labels, report = Labels(), Report()
    if given is not None:
        labels.add(*as_labels(*given, learner))
    held_out, reference = make_envs(config, config.evaluation.seeds), expert_scores(config, imitation.expert, folder)
    optimiser = th.optim.Adam(policy.parameters(), lr=imitation.learning_rate)
    rng = np.random.default_rng(imitation.seed)
    with progress_bar() if bar else nullcontext() as shown:
        for place in range(imitation.rounds):
            advance = _advance(shown, f"round {place + 1}: labels", imitation.epochs_per_round)
            actor = expert if place == 0 else learner
            seed = imitation.seed + place * imitation.rows
            labels.add(*collect(envs, expert, actor, learner, imitation.epochs_per_round, seed, advance))
            advance = _advance(shown, f"round {place + 1}: fit", imitation.passes)
            loss = fit(policy, LOSSES[config.codec.name], labels, imitation, optimiser, rng, advance)
            scores = evaluate(held_out, learner, config.evaluation.first_seed)
            report.append(
                {
                    "labels": float(len(labels)),
                    "loss": loss,
                    "score": float(scores.score.mean()),
                    "expert_score": float(reference.score.mean()),
                }
            )
            (folder / "imitation.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def make_codec_of(config: RunConfig, scenario: Any) -> Any:
    """The codec of a configuration."""
    return make_codec(config.codec.name, scenario, **config.codec.settings)


def _advance(shown: Any, text: str, total: int) -> Any:
    """A function that moves a bar on by one; does nothing without a bar."""
    if shown is None:
        return lambda: None
    task = shown.add_task(text, total=total)
    return lambda: shown.advance(task)


def fit(
    policy: ActorCriticPolicy | MaskableActorCriticPolicy,
    loss_of: Loss,
    labels: Labels,
    imitation: ImitationConfig,
    optimiser: th.optim.Optimizer,
    rng: np.random.Generator,
    advance: Any = lambda: None,
) -> float:
    """Passes over all labels in random batches; returns the mean loss of the last pass. The critic is not touched."""
    policy.set_training_mode(True)
    losses: list[float] = []
    for _ in range(imitation.passes):
        losses = [
            _step(loss_of(policy, tokens, actions, imitation.waiting_weight), policy, optimiser)
            for tokens, actions in batches(labels, imitation.batch_size, rng)
        ]
        advance()
    policy.set_training_mode(False)
    return float(np.mean(losses))


def _step(
    loss: th.Tensor, policy: ActorCriticPolicy | MaskableActorCriticPolicy, optimiser: th.optim.Optimizer
) -> float:
    optimiser.zero_grad(set_to_none=True)
    th.autograd.backward(loss)
    th.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def batches(labels: Labels, size: int, rng: np.random.Generator) -> Iterator[tuple[dict[str, th.Tensor], th.Tensor]]:
    """All labels once, in random order, as tensors."""
    tokens, actions = labels.arrays()
    order = rng.permutation(len(labels))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield {key: th.as_tensor(array[chosen]) for key, array in tokens.items()}, th.as_tensor(actions[chosen])
