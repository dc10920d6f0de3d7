"""DAgger (Ross, Gordon & Bagnell 2011): the expert labels the states that the agent visits.

In the first round the expert acts, which is behaviour cloning; in later rounds the agent acts. After each round the
agent is fitted to all labels so far. The expert needs observations alone, so it can label any state. Labels of codec
"prices" are returns of a lookahead, see `agents.imitation.lookahead`.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.config import ImitationConfig, RunConfig
from agents.evaluation import Scores, evaluate, expert_scores, make_envs
from agents.imitation.checks import check_imitation
from agents.imitation.fitting import Fit
from agents.imitation.labels import Arrays, LabellingPolicy, Labels, as_labels, collect
from agents.imitation.lookahead import LookaheadLabels, check_lookahead
from agents.imitation.losses import make_loss
from agents.imitation.rounds import Rounds
from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv
from edge_llm_gym.evaluation.policies import split_settings
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.files import write_text
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.sheets.progress import Progress, progress

Report = list[dict[str, float]]


def imitate(
    policy: Any,
    config: RunConfig,
    imitation: ImitationConfig,
    folder: Path,
    *,
    given: tuple[Arrays, Arrays] | None = None,
    dataset: str | None = None,
    bar: bool = False,
) -> Report:
    """Fits an actor-critic policy to an expert; writes and returns the scores after each round.

    `given` observations and actions [n, ...] are labels to start with, beside those that the rounds collect; `dataset`
    names their source. Finished rounds are kept in the folder, and those that are there already are not repeated: the
    result is that of an uninterrupted run.

    Raises ConfigError as `check_imitation`, and for kept rounds that belong to other settings or cannot be read.
    """
    check_imitation(config)
    looks_ahead = check_lookahead(config.codec.name, imitation)
    envs = make_envs(config, imitation.rows)
    agent = DecodedPolicy(policy, envs, config.codec.name, **config.codec.settings)
    held_out = make_envs(config, config.evaluation.seeds)
    compared = _compared(config, imitation, looks_ahead)
    reference = expert_scores(config, compared, folder)
    fit = Fit(policy, make_loss(config.codec.name, envs.scenario, imitation.waiting_weight), imitation)
    rounds, labels = Rounds(folder, identity(config, dataset)), Labels()
    if given is not None:
        labels.add(*as_labels(*given, agent))
    report = rounds.restore(labels, fit)
    with progress(bar) as shown:
        for round_ in range(len(report), imitation.rounds):
            advance = _advance(shown, f"round {round_ + 1}: labels", imitation.epochs_per_round)
            labelling = _labelling(envs, agent, imitation, round_, looks_ahead)
            added = _collect_round(envs, labelling, imitation, round_, advance)
            labels.add(*added)
            loss = fit(labels, _advance(shown, f"round {round_ + 1}: fit", imitation.passes))
            scores = evaluate(held_out, agent, config.evaluation.first_seed)
            report.append(_round_report(labels, loss, scores, reference))
            rounds.keep(round_ + 1, added, fit, report)
            _write(report, folder)
            shown.say(f"round {round_ + 1} of {imitation.rounds}: {_line(report[-1], compared)}")
    _write(report, folder)
    return report


def identity(config: RunConfig, dataset: str | None) -> dict[str, Any]:
    """The settings that kept rounds must share with the run that continues them: all but the number of rounds."""
    kept = config.model_dump(mode="json", include={"environment", "codec", "algorithm", "policy", "imitation"})
    return kept | {"imitation": kept["imitation"] | {"rounds": None}, "dataset": dataset}


def _compared(config: RunConfig, imitation: ImitationConfig, looks_ahead: bool) -> str:
    """The expert whose scores the rounds report: lookahead takes too long on all held-out tapes."""
    return str(config.evaluation.expert) if looks_ahead else imitation.expert


def _labelling(
    envs: EdgeLLMVectorEnv, agent: DecodedPolicy, imitation: ImitationConfig, round_: int, looks_ahead: bool
) -> LabellingPolicy | LookaheadLabels:
    if looks_ahead:
        return LookaheadLabels(envs, agent, imitation, round_)
    expert = _expert(imitation, envs, round_)
    return LabellingPolicy(expert, expert if round_ == 0 else agent, agent)


def _expert(imitation: ImitationConfig, envs: EdgeLLMVectorEnv, round_: int) -> Policy:
    """The expert of a round, whose random numbers, if any, do not depend on the rounds before."""
    name, settings = split_settings(imitation.expert)
    return make_expert(name, envs, seed=imitation.seed + round_, **settings)


def _write(report: Report, folder: Path) -> None:
    write_text(folder / "imitation.json", json.dumps(report, indent=1) + "\n")


def _collect_round(
    envs: EdgeLLMVectorEnv,
    labelling: LabellingPolicy | LookaheadLabels,
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
        "score": scores.mean("score"),
        "expert_score": reference.mean("score"),
    }


def _line(row: dict[str, float], expert: str) -> str:
    """A round in a few words."""
    return (
        f"{row['labels']:,.0f} labels, loss {row['loss']:.4g}, score {row['score']:.4f}; "
        f"expert {expert} {row['expert_score']:.4f}"
    )


def _advance(shown: Progress, text: str, total: int) -> Callable[[], None]:
    """A function that advances a task by one."""
    advance, done = shown.task(text, total), itertools.count(1)
    return lambda: advance(next(done))
