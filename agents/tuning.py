"""Hyper-parameter search with Optuna: each trial is a training run with values of the configuration's search space.

| in the folder | content |
|---|---|
| `journal.log` | the study: every trial, as Optuna's journal |
| `trials/0007/` | the folder of a training run |
| `trials.csv` | values, score and state of the trials |
| `best.yaml` | the best configuration, with the steps of the whole run |

Several processes may work on one folder at the same time. Sampler, pruner and their defaults follow the RL Zoo of
Stable-Baselines3: the first trials are random, a trial is reported and possibly pruned at each evaluation, and its
score is that of the last evaluation.
"""

import csv
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from agents.config import READER, TEST_TAPES, RunConfig, write_config
from agents.tuning_space import Dimension, TuningConfig
from edge_llm_gym.files import remove_leftovers, replacing, writable_folder
from edge_llm_gym.messages import quoted
from edge_llm_gym.settings import ConfigError

JOURNAL, TRIALS, TABLE, BEST = "journal.log", "trials", "trials.csv", "best.yaml"
NAME: Final = "tuning"
CONFIG: Final = "config"
"""Attribute of a study: the configuration that is searched."""
ERROR: Final = "error"
"""Attribute of a trial: why it has no score."""
SAMPLERS: Final[Mapping[str, Callable[[TuningConfig, int], BaseSampler]]] = MappingProxyType(
    {
        "tpe": lambda tuning, seed: TPESampler(n_startup_trials=tuning.startup_trials, seed=seed),
        "random": lambda tuning, seed: RandomSampler(seed=seed),
    }
)
PRUNERS: Final[Mapping[str, Callable[[TuningConfig], BasePruner]]] = MappingProxyType(
    {
        "median": lambda tuning: MedianPruner(tuning.startup_trials, n_warmup_steps=tuning.evaluations // 3),
        "hyperband": lambda tuning: HyperbandPruner(1, tuning.evaluations),
        "none": lambda tuning: NopPruner(),
    }
)
Report = Callable[[FrozenTrial, optuna.Study], None]
"""Called with each trial that has ended, and the study."""


def tune(
    config: RunConfig,
    folder: Path,
    trials: int,
    *,
    overwrite: bool = False,
    report: Report = lambda trial, study: None,
) -> optuna.Study:
    """Searches until the study in the folder has so many trials that have ended, and writes the best configuration.

    The same call continues an interrupted study; a trial that was interrupted is not counted. Values under which a run
    cannot be made or diverges give a trial without a score.

    Raises ConfigError for a configuration without a search space or with values that it does not take, for held-out
    tapes that are test tapes, and for a folder with another study unless it is to be overwritten; ValueError for a
    folder that cannot be written into.
    """
    tuning = checked(config)
    study = opened(config, tuning, folder, overwrite)
    while len(ended(study)) < trials:
        trial = study.ask()
        study.sampler = SAMPLERS[tuning.sampler](tuning, tuning.seed + trial.number)  # also after an interruption
        _run(trial, config, tuning, folder)
        _write(study, config, tuning, folder)
        report(study.trials[trial.number], study)
    return study


def checked(config: RunConfig) -> TuningConfig:
    """The search of a configuration. Raises ConfigError as `tune`."""
    if config.tuning is None:
        raise ConfigError(
            "the configuration has no section tuning; add one, as in tuning: {space: {hyperparameters.learning_rate: "
            "{low: 1e-4, high: 1e-2, log: true}}}"
        )
    last = config.evaluation.first_seed + config.evaluation.seeds - 1
    if last >= TEST_TAPES:
        raise ConfigError(
            f"evaluation: trials are scored on tapes {config.evaluation.first_seed} to {last}, but those from "
            f"{TEST_TAPES} on are left for tests; choose a lower first_seed"
        )
    for path, value in config.tuning.single_changes():
        READER.validate(f"with {path} {quoted(value)}", _plain(config), {path: value})
    return config.tuning


def opened(config: RunConfig, tuning: TuningConfig, folder: Path, overwrite: bool) -> optuna.Study:
    """The study in a folder. Raises as `tune`."""
    writable_folder(folder)
    if overwrite:
        _remove(folder)
    if not (folder / JOURNAL).exists():  # later another process may be writing there, on another machine
        remove_leftovers(folder)
    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.create_study(
        storage=storage,
        study_name=NAME,
        direction="maximize",
        load_if_exists=True,
        pruner=PRUNERS[tuning.pruner](tuning),
    )
    kept, wanted = study.user_attrs.get(CONFIG), config.model_dump(mode="json")
    if kept is None:
        study.set_user_attr(CONFIG, wanted)
    elif kept != wanted:
        changed = [key for key in {**kept, **wanted} if kept.get(key) != wanted.get(key)]
        raise ConfigError(
            f"{folder} holds the trials of another configuration: it differs in {', '.join(changed)}; choose another "
            f"folder with --out, or replace it with --overwrite"
        )
    return study


def ended(study: optuna.Study) -> list[FrozenTrial]:
    """The trials that ran to their end, were pruned, or cannot be run."""
    return [
        trial
        for trial in study.trials
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or ERROR in trial.user_attrs
    ]


def best_config(config: RunConfig, study: optuna.Study) -> RunConfig:
    """The configuration with the values of the best trial."""
    return READER.validate("of the best trial", _plain(config), _values(config, study.best_trial))


def _run(trial: Trial, config: RunConfig, tuning: TuningConfig, folder: Path) -> None:
    """Trains with the values of a trial, and stores its score, or that it has none."""
    try:
        for path, dimension in tuning.space.items():
            _suggest(trial, path, dimension)
        score = _score(trial, config, tuning, folder / TRIALS / f"{trial.number:04d}")
    except optuna.TrialPruned:
        trial.study.tell(trial, state=TrialState.PRUNED)
    except ValueError as error:  # of the configuration, or numbers that are no longer finite
        trial.set_user_attr(ERROR, str(error))
        trial.study.tell(trial, state=TrialState.FAIL)
    except BaseException:
        trial.study.tell(trial, state=TrialState.FAIL)
        raise
    else:
        trial.study.tell(trial, score)


def _suggest(trial: Trial, path: str, dimension: Dimension) -> None:
    values = dimension.extremes()
    step: Any = dimension.step
    if dimension.choices is not None:
        trial.suggest_categorical(path, [_label(choice) for choice in values])
    elif dimension.is_whole:
        trial.suggest_int(path, *values, step=step or 1, log=dimension.log)
    else:
        trial.suggest_float(path, *values, step=step, log=dimension.log)


def _label(choice: Any) -> Any:
    """A choice as Optuna stores it: lists and mappings as JSON."""
    return choice if choice is None or isinstance(choice, bool | int | float | str) else json.dumps(choice)


def _values(config: RunConfig, trial: Trial | FrozenTrial) -> dict[str, Any]:
    """Dotted path -> value of a trial."""
    assert config.tuning is not None
    found = dict(trial.params)
    for path, dimension in config.tuning.space.items():
        if dimension.choices is not None:
            found[path] = next(choice for choice in dimension.choices if _label(choice) == found[path])
    return found


def _score(trial: Trial, config: RunConfig, tuning: TuningConfig, folder: Path) -> float:
    """The score of the last evaluation of a training run. Raises TrialPruned for one that is ended early."""
    from agents.training import train  # loads PyTorch

    steps, scores = tuning.steps or config.steps, list[float]()
    changes = {"steps": steps, "evaluation.every": max(steps // tuning.evaluations, 1), "evaluation.expert": None}
    changes |= _values(config, trial)

    def scored(at: int, score: float) -> None:
        scores.append(score)
        trial.report(score, len(scores))
        if at < steps and trial.should_prune():
            raise optuna.TrialPruned

    train(READER.validate(f"of trial {trial.number}", _plain(config), changes), folder, scored=scored)
    return scores[-1]


def _write(study: optuna.Study, config: RunConfig, tuning: TuningConfig, folder: Path) -> None:
    """The table of the trials, and the best configuration once a trial has a score."""
    columns = ("trial", "state", "score", *tuning.space, ERROR)
    with replacing(folder / TABLE) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        table.writerows(_row(trial) for trial in study.trials)
    if any(trial.state == TrialState.COMPLETE for trial in study.trials):
        write_config(best_config(config, study), folder / BEST)


def _row(trial: FrozenTrial) -> dict[str, Any]:
    head = {"trial": trial.number, "state": trial.state.name.lower(), "score": trial.value}
    return head | trial.params | {ERROR: trial.user_attrs.get(ERROR)}


def _plain(config: RunConfig) -> dict[str, Any]:
    """The settings of a run, without the search."""
    data: dict[str, Any] = config.model_dump(mode="json", exclude={"tuning"})
    return data


def _remove(folder: Path) -> None:
    for name in (JOURNAL, TABLE, BEST):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / TRIALS, ignore_errors=True)
