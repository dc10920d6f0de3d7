"""Trains recipes with several seeds and compares the agents with others on held-out tapes.

python -m scripts.learning_study
python -m scripts.learning_study --recipes parameters-multi-node --train-seeds 1 --tapes 20 --out runs/study

Writes docs/results/learning.json and, of the recipes of parameters, docs/images/learning.png, and prints the rows of
the tables on the page. Runs stay in runs/learning: a run that is there is not repeated, and one that was interrupted
continues.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import paired_difference
from edge_llm_gym.files import replacing, write_text
from edge_llm_gym.interrupts import exit_status

if TYPE_CHECKING:
    from agents.config import RunConfig

RECIPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "parameters-single-node": ("dftsp", "dftsp[energy_price=0.006]"),
        "parameters-multi-node": ("ot-gah", "ot-gah[energy_price=0.006]"),
        "parameters-continuous": ("ot-gah", "ot-gah[energy_price=0.006]"),
        "parameters-early-exit": ("dto-ee",),
        "parameters-joint": ("ot-gah+dto-ee",),
        "prices-single-node": ("pretrained:single-node-ppo", "dftsp", "dftsp[energy_price=0.006]"),
        "prices-multi-node": ("pretrained:multi-node-ppo", "ot-gah", "ot-gah[energy_price=0.006]"),
        "prices-continuous": ("pretrained:continuous-ppo", "ot-gah", "ot-gah[energy_price=0.006]"),
        "prices-joint": ("pretrained:joint-ppo", "ot-gah+dto-ee"),
    }
)
"""Recipe, configs/agents/<name>.yaml -> experts and shipped policies that the agent is compared with."""
SEED_STEP: Final = 100_000
"""Between the seeds of the imitation of two training seeds, which must not share tapes."""
RUNS: Final = Path("runs/learning")
CURVE_DPI: Final = 110


@dataclass(frozen=True)
class Outcome:
    """One trained agent on the held-out tapes."""

    recipe: str
    seed: int
    score: list[float]
    """[tapes] share of the value served; the return on EarlyExit."""
    seconds: float
    """CPU time of training, evaluation during training included."""
    crossed_at: int | None
    """Environment steps after which the regret to the expert stayed below zero."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipes", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--train-seeds", type=at_least(1), default=5, help="training seeds of each recipe")
    parser.add_argument("--tapes", type=at_least(2), default=100, help="held-out tapes")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of results/ and images/")
    return run_cli(lambda: _study(parser.parse_args(arguments)))


def _study(options: argparse.Namespace) -> None:
    results, images = options.out / "results", options.out / "images"
    for folder in (results, images):
        folder.mkdir(parents=True, exist_ok=True)
    report = _kept(results / "learning.json", options.tapes)
    for recipe in options.recipes:
        outcomes = [_outcome(recipe, seed, options.tapes) for seed in range(options.train_seeds)]
        report[recipe] = _summary(recipe, outcomes, options.tapes)
        print(_table(recipe, report[recipe]), flush=True)
    write_text(results / "learning.json", json.dumps({"tapes": options.tapes, "recipes": report}, indent=1) + "\n")
    drawn = [recipe for recipe in options.recipes if recipe.startswith("parameters")]
    if drawn:
        _draw(drawn, options.train_seeds, images / "learning.png")


def _kept(path: Path, tapes: int) -> dict[str, Any]:
    """What the file says of other recipes on the same tapes."""
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return dict(kept["recipes"]) if kept.get("tapes") == tapes else {}


def _outcome(recipe: str, seed: int, tapes: int) -> Outcome:
    """Trains one agent, unless its run is there, and evaluates its last weights."""
    from agents.config import TEST_TAPES
    from agents.evaluation import evaluate, make_envs
    from agents.training import train
    from edge_llm_gym.sb3 import load_policy

    folder = _folder(recipe, seed)
    config = seeded(recipe, seed)
    if not (folder / "seconds.json").is_file():
        start = time.process_time()
        train(config, folder, start="resume" if (folder / "config.yaml").is_file() else "new")
        write_text(folder / "seconds.json", json.dumps(time.process_time() - start))
    envs = make_envs(config, tapes)
    score = evaluate(envs, load_policy(folder / "model.zip", envs), TEST_TAPES).score
    seconds = float(json.loads((folder / "seconds.json").read_text("utf-8")))
    return Outcome(recipe, seed, score.tolist(), seconds, _crossing(folder))


def seeded(recipe: str, seed: int) -> RunConfig:
    """The configuration of a recipe with another training seed, in the imitation too."""
    from agents.config import read_config

    path = f"configs/agents/{recipe}.yaml"
    imitation = read_config(path).imitation
    changes = {} if imitation is None else {"imitation.seed": imitation.seed + SEED_STEP * seed}
    return read_config(path, {"seed": seed, **changes})


def _folder(recipe: str, seed: int) -> Path:
    return RUNS / f"{recipe}-{seed}"


def _curve(folder: Path) -> Array:
    """[points, 2] environment steps and regret to the expert at each evaluation of the reinforcement learning."""
    points = []
    for path in folder.glob("progress*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            lines = [line for line in csv.DictReader(file) if line.get("regret/mean")]
        points += [(float(line["step"]), float(line["regret/mean"])) for line in lines]
    return np.array(points).reshape(-1, 2)


def _crossing(folder: Path) -> int | None:
    curve = _curve(folder)
    above = np.flatnonzero(curve[:, 1] >= 0.0)
    first = 0 if above.size == 0 else int(above[-1]) + 1
    return int(curve[first, 0]) if first < len(curve) else None


def _summary(recipe: str, outcomes: Sequence[Outcome], tapes: int) -> dict[str, Any]:
    """Means, and paired differences to each expert: of every agent, and of their mean over the training seeds."""
    agents = np.array([outcome.score for outcome in outcomes])
    experts = {name: _other_score(recipe, name, tapes) for name in RECIPES[recipe]}
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


def _other_score(recipe: str, name: str, tapes: int) -> Array:
    """[tapes] score of an expert or a shipped policy; kept in a file, since exact schedulers are slow."""
    path, key = RUNS / f"{recipe}-experts.json", f"{name} on {tapes} tapes"
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if key not in kept:
        kept[key] = _scored(recipe, name, tapes).tolist()
        write_text(path, json.dumps(kept) + "\n")
    return np.array(kept[key])


def _scored(recipe: str, name: str, tapes: int) -> Array:
    from agents.config import TEST_TAPES
    from agents.evaluation import evaluate, expert_scores, make_envs
    from edge_llm_gym.sb3 import load_policy
    from edge_llm_gym.sb3.pretrained import PRETRAINED

    config = seeded(recipe, 0)
    if name.startswith(PRETRAINED):
        envs = make_envs(config, tapes)
        return evaluate(envs, load_policy(name.removeprefix(PRETRAINED), envs), TEST_TAPES).score
    held_out = config.evaluation.model_copy(update={"seeds": tapes, "first_seed": TEST_TAPES})
    return expert_scores(config.model_copy(update={"evaluation": held_out}), name).score


def _table(recipe: str, summary: Mapping[str, Any]) -> str:
    """Rows of the page's table."""
    scale, unit = (1.0, "") if recipe == "parameters-early-exit" else (100.0, " %")
    agents = summary["agents"]
    mean = scale * float(np.mean([agent["score"] for agent in agents]))
    seconds = [agent["seconds"] for agent in agents]
    crossed = [agent["crossed_at"] for agent in agents]
    lines = []
    for name, expert in summary["experts"].items():
        each = ", ".join(f"{scale * one['mean']:+.2f}" for one in expert["each"])
        ahead = sum(one["low"] > 0.0 for one in expert["each"])
        both = {end: scale * expert["all"][end] for end in ("mean", "low", "high")}
        lines.append(
            f"| {recipe} | {mean:.2f}{unit} | `{name}` {scale * expert['score']:.2f}{unit} | "
            f"{both['mean']:+.2f} [{both['low']:+.2f}, {both['high']:+.2f}] | {each} | {ahead} of {len(agents)} | "
            f"{np.mean(seconds):.0f} s | {crossed} |"
        )
    return "\n".join(lines)


def _draw(recipes: Sequence[str], seeds: int, path: Path) -> None:
    """Regret to the expert over environment steps: mean and range over the training seeds."""
    from edge_llm_gym.evaluation.plots import new_figure

    figure = new_figure(3.2 * len(recipes), 3.0)
    for axis, recipe in zip(np.atleast_1d(figure.subplots(1, len(recipes))), recipes, strict=True):
        curves = np.array([_curve(_folder(recipe, seed)) for seed in range(seeds)])
        scale = 1.0 if recipe == "parameters-early-exit" else 100.0
        steps, regret = curves[0, :, 0] / 1e3, scale * curves[..., 1]
        axis.fill_between(steps, regret.min(axis=0), regret.max(axis=0), alpha=0.25, linewidth=0)
        axis.plot(steps, regret.mean(axis=0))
        axis.axhline(0.0, color="black", linewidth=0.8)
        axis.set_title(recipe, fontsize=10)
        axis.set_xlabel("thousand environment steps", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("regret to the expert (points; reward on early-exit)", fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=CURVE_DPI)


if __name__ == "__main__":
    sys.exit(main())
