"""Clones experts by DAgger and compares the clones with them on held-out tapes; then PPO from the best one's clone.

python -m scripts.imitation_study
python -m scripts.imitation_study --environments multi-node --experts edf --tapes 20 --out runs/study
python -m scripts.imitation_study --environments multi-node --finetune

Writes docs/results/imitation.json after each expert and prints the rows of the tables on the page. Runs stay in
runs/imitation: a run or a score that is there is not repeated, and a run that was interrupted continues.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.statistics import paired_difference, paired_ratio
from edge_llm_gym.files import write_text
from edge_llm_gym.interrupts import exit_status

if TYPE_CHECKING:
    from agents.config import RunConfig

RUNS: Final = Path("runs/imitation")
CODEC_TAPES: Final = 10
"""Tapes on which the codec's own loss is measured, and the clone's agreement with its expert."""
CLONED: Final = "clone-seconds.json"
TUNED: Final = "ppo-seconds.json"
"""CPU time of a finished run, in s; of PPO without the imitation before it."""
MODEL: Final = "model.zip"
PRICED: Final = MappingProxyType({"codec.name": "priced", "codec.settings": {"pairs": True}})
"""For exact schedulers: their solver makes up for errors of prices, as greedy insertion cannot for those of scores."""
RANKED: Final = MappingProxyType({"codec.name": "priority", "codec.settings": {}, "imitation.rounds": 2})
"""For all other experts."""


@dataclass(frozen=True)
class Case:
    """The experts of an environment, each with what is changed in the recipe of the best one."""

    best: str
    constants: str
    """The shipped policy of constant parameters."""
    others: Mapping[str, Mapping[str, Any]]

    @property
    def experts(self) -> tuple[str, ...]:
        """All of them, the best one first."""
        return (self.best, *self.others)

    def changes(self, expert: str) -> Mapping[str, Any]:
        """Changes for an expert, which need not be in the table."""
        return {} if expert == self.best else self.others.get(expert, RANKED)


RULES: Final = ("sjf", "edf", "fcfs", "nob", "stb")
FORWARDED: Final = MappingProxyType({"imitation.rounds": 2})
CASES: Final[Mapping[str, Case]] = MappingProxyType(
    {
        "single-node": Case(
            "dftsp[energy_price=0.006]",
            "single-node-ppo",
            {"dftsp": PRICED, "ot-gah": PRICED, **dict.fromkeys(RULES, RANKED)},
        ),
        "multi-node": Case(
            "ot-gah",
            "multi-node-ppo",
            {"ot-gah[energy_price=0.002]": PRICED, "dftsp": PRICED, **dict.fromkeys(RULES, RANKED)},
        ),
        "continuous": Case(
            "ot-gah[energy_price=0.006]",
            "continuous-ppo",
            dict.fromkeys(("ot-gah", "dftsp", *RULES), RANKED),
        ),
        "early-exit": Case(
            "dto-ee",
            "early-exit-ppo",
            dict.fromkeys(
                ("fixed-threshold", "compute-proportional", "uniform", "no-exit", "bandwidth-proportional"), FORWARDED
            ),
        ),
        "joint": Case(
            "ot-gah+dto-ee",
            "joint-ppo",
            dict.fromkeys(
                (
                    "ot-gah+dto-ee[energy_price=0.002]",
                    *(f"{batches}+dto-ee" for batches in ("dftsp", "sjf", "edf", "fcfs")),
                    *("ot-gah+fixed-threshold", "ot-gah+no-exit", "ot-gah", "fcfs"),
                ),
                FORWARDED,
            ),
        ),
    }
)
"""Environment, recipe configs/agents/dagger-<name>.yaml -> its experts."""


class ThroughCodec:
    """Acts as an expert whose actions are encoded and decoded again: the best that a clone with this codec could do."""

    def __init__(self, expert: Any, codec: Any) -> None:
        self._expert, self._codec = expert, codec

    def predict(
        self, observation: Mapping[str, Array], state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Mapping[str, Array], Any]:
        """The decoded action, and the expert's next state."""
        action, state = self._expert.predict(observation, state, episode_start, deterministic=True)
        return self._codec.decode(self._codec.encode(action, observation), observation), state


class Agreement:
    """Acts as a clone, and counts where the expert would have put the requests in the same states."""

    def __init__(self, clone: Any, expert: Any) -> None:
        self._clone, self._expert = clone, expert
        self.same = self.either = 0

    def predict(
        self, observation: Mapping[str, Array], state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[Mapping[str, Array], Any]:
        """The clone's action, and the expert's next state."""
        wanted, state = self._expert.predict(observation, state, episode_start, deterministic=True)
        action, _ = self._clone.predict(observation, deterministic=True)
        if "batch" in action:
            own, other = action["batch"], wanted["batch"]
            self.same += int(((own == other) & (own > 0)).sum())
            self.either += int(((own > 0) | (other > 0)).sum())
        return action, state

    @property
    def share(self) -> float | None:
        """Requests on the expert's node among those that either of the two serves; None where there are no batches."""
        return self.same / self.either if self.either else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line."""
    return exit_status(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    from agents.command import at_least, run_cli

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--experts", nargs="+", metavar="EXPERT", help="only these; by default those of the study")
    parser.add_argument("--train-seeds", type=at_least(1), default=1, help="training seeds of each clone")
    parser.add_argument("--tapes", type=at_least(2), default=100, help="held-out tapes")
    parser.add_argument("--finetune", action="store_true", help="only PPO from the clone of each best expert")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change a setting of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder of results/")
    return run_cli(lambda: _study(parser.parse_args(arguments)))


def _study(options: argparse.Namespace) -> None:
    from agents.command import parse_changes

    changes = parse_changes(options.set)
    path = options.out / "results" / "imitation.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    for name in options.environments:
        for expert in [CASES[name].best] if options.finetune else options.experts or CASES[name].experts:
            for seed in range(options.train_seeds):
                run = Run(name, expert, seed, changes)
                _keep(path, run, _tuned(run, options.tapes) if options.finetune else _cloned(run, options.tapes))


def _keep(path: Path, run: Run, row: dict[str, Any]) -> None:
    """Adds a row to the file, in place of an earlier one of the same run, and prints it."""
    table = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    table[run.key if "steps" not in row else f"{run.key} then ppo"] = row
    write_text(path, json.dumps(table, indent=1, sort_keys=True) + "\n")
    print(_line(run, row), flush=True)


class Run:
    """One clone: the configuration and the folder of its run."""

    def __init__(self, name: str, expert: str, seed: int, changes: Mapping[str, Any]) -> None:
        self.name, self.expert, self.seed = name, expert, seed
        self.config = config_of(name, expert, seed, changes)
        self.folder = RUNS / name / f"{expert}-{seed}"

    @property
    def key(self) -> str:
        """In the table of results."""
        return f"{self.name} {self.expert} {self.seed}"


def config_of(name: str, expert: str, seed: int, changes: Mapping[str, Any]) -> RunConfig:
    """The recipe of an environment with another expert and training seed, in the imitation too."""
    from agents.config import read_config

    path = f"configs/agents/dagger-{name}.yaml"
    own = read_config(path).seed_changes(seed) | {"imitation.expert": expert, "evaluation.expert": expert}
    return read_config(path, dict(CASES[name].changes(expert)) | own | dict(changes))


def _clone(run: Run) -> None:
    """Clones an expert, unless the run is there."""
    from agents.imitation import command

    if not (run.folder / CLONED).is_file():
        begun, start = (run.folder / "config.yaml").is_file(), time.process_time()
        command.clone(run.config, run.folder, start="resume" if begun else "new")
        write_text(run.folder / CLONED, json.dumps(time.process_time() - start))


def _tune(run: Run, tuned: Path) -> None:
    """Runs PPO from the clone in a copy of its folder, unless that run is there."""
    from agents.training import train

    _clone(run)
    if not tuned.is_dir():
        part = tuned.with_name(tuned.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(run.folder, part)
        part.replace(tuned)
    if not (tuned / TUNED).is_file():
        start = time.process_time()
        train(run.config, tuned, start="resume")
        write_text(tuned / TUNED, json.dumps(time.process_time() - start))


def _cloned(run: Run, tapes: int) -> dict[str, Any]:
    """Figures of a clone."""
    _clone(run)
    expert, own = _expert_score(run, tapes), _score(run, run.folder / MODEL, tapes)
    rounds = json.loads((run.folder / "imitation.json").read_text("utf-8"))
    few = min(tapes, CODEC_TAPES)
    return {
        "tapes": tapes,
        "expert": float(expert.mean()),
        "clone": float(own.mean()),
        "share": vars(paired_ratio(own, expert)),
        "difference": vars(paired_difference(own, expert)),
        "codec": run.config.codec.name,
        "ceiling": _ceiling(run, expert[:few]),
        "agreement": _agreement(run, few),
        "rounds": len(rounds),
        "labels": int(rounds[-1]["labels"]),
        "seconds": _seconds(run.folder / CLONED),
    }


def _tuned(run: Run, tapes: int) -> dict[str, Any]:
    """Figures of PPO from a clone."""
    folder = RUNS / run.name / f"{run.expert}-{run.seed}-ppo"
    _tune(run, folder)
    score = _score(run, folder / MODEL, tapes)
    others = {
        "clone": _score(run, run.folder / MODEL, tapes),
        "expert": _expert_score(run, tapes),
        "constants": _score(run, CASES[run.name].constants, tapes),
    }
    return {
        "tapes": tapes,
        "steps": run.config.steps,
        "score": float(score.mean()),
        "seconds": _seconds(folder / TUNED),
        **{name: vars(paired_difference(score, other)) for name, other in others.items()},
    }


def _seconds(path: Path) -> float:
    return float(json.loads(path.read_text("utf-8")))


def _score(run: Run, policy: str | Path, tapes: int) -> Array:
    """[tapes] score of a trained or shipped policy."""
    from agents.config import TEST_TAPES
    from agents.evaluation import evaluate, make_envs
    from edge_llm_gym.sb3 import load_policy

    envs = make_envs(run.config, tapes)
    return evaluate(envs, load_policy(policy, envs), TEST_TAPES).score


def _expert_score(run: Run, tapes: int) -> Array:
    """[tapes] score of the expert; kept in a file, since some take long."""
    from agents.config import TEST_TAPES
    from agents.evaluation import expert_scores

    folder = RUNS / run.name / f"{run.expert}-scores-{tapes}"
    folder.mkdir(parents=True, exist_ok=True)
    return expert_scores(run.config.on_tapes(tapes, TEST_TAPES), run.expert, folder).score


def _ceiling(run: Run, expert: Array) -> float | None:
    """What the expert's score through the codec is of its own [tapes]; None for plain weights, which lose nothing."""
    from agents.config import TEST_TAPES
    from agents.evaluation import evaluate, make_envs
    from edge_llm_gym.codecs import make_codec

    envs = make_envs(run.config, expert.size)
    if envs.scenario.dynamics == "streaming":
        return None
    codec = make_codec(run.config.codec.name, envs.scenario, **run.config.codec.settings)
    through = evaluate(envs, ThroughCodec(_expert(run, envs), codec), TEST_TAPES).score
    return float(through.mean() / expert.mean())


def _agreement(run: Run, tapes: int) -> float | None:
    """The share of the requests that the clone treats as its expert would."""
    from agents.config import TEST_TAPES
    from agents.evaluation import evaluate, make_envs
    from edge_llm_gym.sb3 import load_policy

    envs = make_envs(run.config, tapes)
    if envs.scenario.dynamics == "streaming":
        return None
    counted = Agreement(load_policy(run.folder / MODEL, envs), _expert(run, envs))
    evaluate(envs, counted, TEST_TAPES)
    return counted.share


def _expert(run: Run, envs: Any) -> Any:
    from agents.config import TEST_TAPES
    from edge_llm_gym.evaluation.policies import split_settings
    from edge_llm_gym.experts import make_expert

    name, settings = split_settings(run.expert)
    return make_expert(name, envs, seed=TEST_TAPES, **settings)


def _line(run: Run, row: Mapping[str, Any]) -> str:
    """A row of one of the page's tables."""
    scale = 1.0 if run.name == "early-exit" else 100.0
    if "steps" in row:
        gains = " | ".join(_interval(row[name], scale, "+") for name in ("clone", "expert", "constants"))
        return f"| {run.name} | {scale * row['score']:.2f} | {gains} | {row['steps']:,} | {row['seconds']:.0f} s |"
    ceiling, agreement = (_percent(row[name], digits) for name, digits in (("ceiling", 1), ("agreement", 0)))
    return (
        f"| {run.name} | `{run.expert}` | {scale * row['expert']:.2f} | {scale * row['clone']:.2f} | "
        f"{_interval(row['share'], 100.0)} % | {_interval(row['difference'], scale, '+')} | "
        f"`{row['codec']}` | {ceiling} | "
        f"{agreement} | {row['rounds']} | {row['labels']:,} | {row['seconds']:.0f} s | {row['tapes']} |"
    )


def _percent(share: float | None, digits: int) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


def _interval(of: Mapping[str, float], scale: float, sign: str = "") -> str:
    digits = ".2f" if sign else ".1f"
    mean, low, high = (format(scale * of[end], sign + digits) for end in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    sys.exit(main())
