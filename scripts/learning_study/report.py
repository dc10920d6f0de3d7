"""What the study found: means, paired differences, and rows of the page's tables."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_llm_gym.evaluation.statistics import paired_difference
from scripts.learning_study.recipes import RECIPES, environment_of
from scripts.learning_study.runs import Outcome, Study, other_score
from scripts.study_tables import interval, scale_of


def kept_report(path: Path, tapes: int) -> dict[str, Any]:
    """What the file says of other recipes on the same tapes."""
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return dict(kept["recipes"]) if kept.get("tapes") == tapes else {}


def summary(study: Study, recipe: str, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Means, and paired differences to each expert: of every agent, and of their mean over the training seeds."""
    agents = np.array([outcome.score for outcome in outcomes])
    experts = {name: other_score(study, environment_of(recipe), name) for name in RECIPES[recipe]}
    return {
        "agents": [vars(outcome) | {"score": float(np.mean(outcome.score))} for outcome in outcomes],
        "experts": {
            name: {
                "score": float(score.mean()),
                "each": [vars(paired_difference(agent, score)) for agent in agents],
                "all": vars(paired_difference(agents.mean(axis=0), score)),
            }
            for name, score in experts.items()
        },
    }


def table(recipe: str, found: Mapping[str, Any]) -> str:
    """Rows of the page's table."""
    scale, unit = scale_of(recipe), "" if scale_of(recipe) == 1.0 else " %"
    agents = found["agents"]
    mean = scale * float(np.mean([agent["score"] for agent in agents]))
    seconds = [agent["seconds"] for agent in agents if agent["seconds"] is not None]
    crossed = [agent["crossed_at"] for agent in agents]
    lines = []
    for name, expert in found["experts"].items():
        each = ", ".join(f"{scale * one['mean']:+.2f}" for one in expert["each"])
        ahead = sum(one["low"] > 0.0 for one in expert["each"])
        lines.append(
            f"| {recipe} | {mean:.2f}{unit} | `{name}` {scale * expert['score']:.2f}{unit} | "
            f"{interval(expert['all'], scale, '+')} | {each} | {ahead} of {len(agents)} | "
            f"{np.mean(seconds) if seconds else np.nan:.0f} s | {crossed} of {agents[0]['env_steps']} |"
        )
    return "\n".join(lines)
