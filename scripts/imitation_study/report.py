"""What the study found: figures of clones over their training seeds, and rows of the page's tables."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import paired_difference, paired_ratio
from scripts.imitation_study.runs import Clone, Study
from scripts.imitation_study.scores import (
    agreement,
    clone_score,
    codec_score,
    constants_score,
    reference_score,
    tuned_score,
)
from scripts.kept_runs import cpu_seconds
from scripts.study_tables import interval, scale_of

Row = dict[str, Any]
OTHERS = ("clone", "expert", "constants")
"""What PPO from a clone is compared with."""


def cloned(study: Study, clones: Sequence[Clone]) -> Row:
    """Figures of the clones of one expert, one for each training seed; intervals are those of their mean over tapes."""
    first = clones[0]
    scores, expert = np.array([clone_score(study, clone) for clone in clones]), reference_score(study, first)
    through, mean = codec_score(study, first), scores.mean(axis=0)
    return {
        "tapes": study.tapes,
        "expert": float(expert.mean()),
        "clone": float(mean.mean()),
        "share": vars(paired_ratio(mean, expert)),
        "difference": vars(paired_difference(mean, expert)),
        "codec": first.config.codec.name,
        "ceiling": None if through is None else float(through.mean() / expert[: len(through)].mean()),
        "seeds": [_seed(study, clone, own, expert) for clone, own in zip(clones, scores, strict=True)],
    }


def _seed(study: Study, clone: Clone, score: Array, expert: Array) -> Row:
    rounds = json.loads((clone.folder / "imitation.json").read_text("utf-8"))
    return {
        "seed": clone.seed,
        "clone": float(score.mean()),
        "share": float(score.mean() / expert.mean()),
        "agreement": agreement(study, clone),
        "rounds": len(rounds),
        "labels": int(rounds[-1]["labels"]),
        "seconds": cpu_seconds(clone.folder),
    }


def tuned(study: Study, clones: Sequence[Clone]) -> Row:
    """Figures of PPO from the clones of one expert."""
    scores = np.array([tuned_score(study, clone) for clone in clones])
    before = np.array([clone_score(study, clone) for clone in clones])
    others = (before, reference_score(study, clones[0]), constants_score(study, clones[0]))
    gains = {name: scores - other for name, other in zip(OTHERS, others, strict=True)}
    return {
        "tapes": study.tapes,
        "steps": clones[0].config.steps,
        "score": float(scores.mean()),
        **{name: vars(paired_difference(gain.mean(axis=0), np.zeros(study.tapes))) for name, gain in gains.items()},
        "seeds": [
            {"seed": clone.seed, "score": float(scores[row].mean()), "seconds": cpu_seconds(clone.tuned)}
            | {name: float(gain[row].mean()) for name, gain in gains.items()}
            for row, clone in enumerate(clones)
        ],
    }


def cloned_line(name: str, expert: str, row: Mapping[str, Any]) -> str:
    """A row of the page's table of clones."""
    scale, seeds = scale_of(name), row["seeds"]
    shares = ", ".join(f"{100 * seed['share']:.1f}" for seed in seeds)
    agreements = [seed["agreement"] for seed in seeds if seed["agreement"] is not None]
    agreed = float(np.mean(agreements)) if agreements else None
    return (
        f"| {name} | `{expert}` | {scale * row['expert']:.2f} | {scale * row['clone']:.2f} | "
        f"{interval(row['share'], 100.0)} % | {shares} | {interval(row['difference'], scale, '+')} | "
        f"`{row['codec']}` | {percent(row['ceiling'], 1)} | {percent(agreed, 0)} | {seeds[0]['rounds']} | "
        f"{seeds[0]['labels']:,} | {mean_seconds(seeds)} |"
    )


def tuned_line(name: str, expert: str, row: Mapping[str, Any]) -> str:
    """A row of the page's table of PPO from clones."""
    scale = scale_of(name)
    gains = " | ".join(interval(row[other], scale, "+") for other in OTHERS)
    each = ", ".join(f"{scale * seed['clone']:+.2f}" for seed in row["seeds"])
    return (
        f"| {name} | `{expert}` | {scale * row['score']:.2f} | {gains} | {each} | {row['steps']:,} | "
        f"{mean_seconds(row['seeds'])} |"
    )


def percent(share: float | None, digits: int) -> str:
    """A share in percent; nothing where there is none."""
    return "" if share is None else f"{100 * share:.{digits}f} %"


def mean_seconds(seeds: Sequence[Mapping[str, Any]]) -> str:
    """Mean CPU time of the runs that were not interrupted; nothing where all were."""
    known = [seed["seconds"] for seed in seeds if seed["seconds"] is not None]
    return f"{np.mean(known):.0f} s" if known else ""
