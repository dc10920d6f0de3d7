"""Policies by specification: the name of an expert or of a shipped policy, a file, the path of a factory, or an object.

Settings of an expert follow its name in brackets and are separated by semicolons, as in "dftsp[overrun_s=0]" or
"stb[batch_size=4]". "rollout" names the policy that looks ahead (`edge_llm_gym.lookahead`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import gymnasium

from edge_llm_gym.evaluation.model_archive import ModelArchive
from edge_llm_gym.experts import Policy, expert_names, make_expert
from edge_llm_gym.linear import is_linear, load_linear
from edge_llm_gym.lookahead import ROLLOUT, make_rollout
from edge_llm_gym.messages import quoted
from edge_llm_gym.names import suggestion
from edge_llm_gym.sb3.description import CONFIG_FILE
from edge_llm_gym.sb3.policy_file import ENDING, read_policy_file
from edge_llm_gym.sb3.pretrained import PRETRAINED, pretrained_path
from edge_llm_gym.sb3.saved import saved_policy
from edge_llm_gym.scenario import Scenario, scenario_of
from edge_llm_gym.settings import parse_setting

PolicyLike = str | Policy | Callable[[gymnasium.Env], Policy]
ARCHIVE: Final = ".zip"
"""Ending of the files that training runs and searches write."""


@dataclass(frozen=True)
class PolicySource:
    """A named source of new policies for an environment."""

    name: str
    source: PolicyLike

    def make(self, env: gymnasium.Env, seed: int) -> Policy:
        """A policy for one episode; stochastic experts use `seed`. Raises TypeError for objects without `predict`."""
        if isinstance(self.source, str) and is_rollout(self.source):
            return make_rollout(env, seed=seed, **split_settings(self.source)[1])
        if isinstance(self.source, str) and is_trained(self.source):
            return trained_policy_factory(self.source)(env)
        if isinstance(self.source, str) and ":" not in self.source:
            name, settings = split_settings(self.source)
            return make_expert(name, env, seed=seed, **settings)
        policy: Any = self.source
        if isinstance(policy, str):
            policy = _imported(policy)
        if isinstance(policy, type) or not hasattr(policy, "predict"):
            policy = policy(env)
        if not hasattr(policy, "predict"):
            raise TypeError(
                f"policy {self.name!r} needs a method predict(observation), got {policy!r}; pass an object that has one"
            )
        made: Policy = policy
        return made


def with_codec(names: Iterable[str], codec: str | None) -> list[PolicyLike]:
    """Policies by name, in which plain archives of Stable-Baselines3 act through a codec.

    Plain are the archives that have no config.yaml beside them. The codec is written as its name, with settings in
    brackets: "priority[caps=true]". Raises ValueError for a codec without such an archive.
    """
    given = list(names)
    plain = [name for name in given if codec is not None and name.endswith(ARCHIVE) and is_plain(Path(name))]
    if codec is not None and not plain:
        raise ValueError(
            f"a codec goes with the archive of a model of Stable-Baselines3 that has no config.yaml beside it, got "
            f"codec {quoted(codec)} and policies {given}; leave it out, or name the file of the model"
        )
    name, settings = split_settings(codec or "")
    return [ModelArchive(each, name, settings) if each in plain else each for each in given]


def policy_sources(
    policies: Iterable[PolicyLike | tuple[str, PolicyLike]], scenario: Scenario | None = None
) -> list[PolicySource]:
    """Named sources. Raises ValueError for unknown names, repeated names and an empty list.

    Names are those of the experts of the scenario, or of all experts without one.
    """
    sources = [_source(policy, scenario) for policy in policies]
    names = [source.name for source in sources]
    if not names:
        raise ValueError("there is no policy to compare, got an empty list; name at least one")
    if len(set(names)) < len(names):
        raise ValueError(
            f"policy names must differ from one another, got {names}; pass (name, policy) pairs to name them"
        )
    return sources


def _source(policy: PolicyLike | tuple[str, PolicyLike], scenario: Scenario | None) -> PolicySource:
    if isinstance(policy, tuple):
        name, what = policy
        return PolicySource(name, _source(what, scenario).source)
    if isinstance(policy, str):
        if is_rollout(policy):
            split_settings(policy)
        elif is_trained(policy):
            trained_policy_factory(policy)
        elif ":" in policy:
            _imported(policy)
        else:
            _require_expert(policy, scenario)
        return PolicySource(policy, policy)
    if not callable(policy) and not hasattr(policy, "predict"):
        raise TypeError(f"a policy is a name, 'package.module:factory', a factory or has predict(), got {policy!r}")
    label = getattr(policy, "name", None) or getattr(policy, "__name__", type(policy).__name__)
    return PolicySource(str(label), policy)


def _require_expert(policy: str, scenario: Scenario | None) -> None:
    name, _ = split_settings(policy)
    known = expert_names(scenario)
    if name in known:
        return
    if name in expert_names():
        problem = f"policy {quoted(name)} does not serve the dynamics {scenario.dynamics!r}"  # type: ignore[union-attr]
    else:
        problem = f"unknown policy {quoted(policy)}"
    hint = suggestion(name, known)
    stop = "" if hint.endswith("?") else "."
    raise ValueError(
        f"{problem}; {hint}{stop} Other policies are given as package.module:factory, shipped ones as "
        f"{PRETRAINED}NAME, trained ones as the path of a file that ends in {ENDING} or {ARCHIVE}"
    )


def split_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of "name[key=value;key=value]". Raises ValueError for malformed brackets."""
    name, bracket, rest = text.partition("[")
    if not bracket:
        return name, {}
    pairs = [pair.partition("=") for pair in rest.removesuffix("]").split(";")]
    if not rest.endswith("]") or not all(key.strip() and equals for key, equals, _ in pairs):
        raise ValueError(f"settings of a policy are written as name[key=value;key=value], got {text!r}")
    return name, {key.strip(): parse_setting(key.strip(), value) for key, _, value in pairs}


def file_name(policy: str) -> str:
    """A policy's name without settings, usable in file names; of a path, the last two parts."""
    name = split_settings(policy)[0]
    return "-".join(Path(name).parts[-2:]) if "/" in name else name.replace(":", ".")


def is_rollout(policy: str) -> bool:
    """Whether a specification names the policy that looks ahead, with or without settings."""
    return policy.partition("[")[0] == ROLLOUT


def is_trained(policy: str) -> bool:
    """Whether a specification names a trained policy: a shipped one, or a file."""
    return not is_rollout(policy) and (policy.startswith(PRETRAINED) or policy.endswith((ARCHIVE, ENDING)))


def is_plain(path: Path) -> bool:
    """Whether a file is neither the archive of a training run of this project nor a linear policy.

    Raises ValueError for a missing file and for one that is no zip archive.
    """
    _require_file(path)
    return not is_linear(path) and not any((folder / CONFIG_FILE).is_file() for folder in path.parents[:2])


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"there is no trained policy at {str(path)!r}; a training run writes model.zip and best.zip")


def trained_policy_factory(policy: str) -> Callable[[gymnasium.Env], Policy]:
    """The factory of a trained policy: a shipped one, or that in a file.

    Raises ValueError for an unknown name and for a file that holds none, and ImportError where it holds a network and
    the extra "agents" is missing.
    """
    path = policy_path(policy)
    _require_file(path)
    if path.suffix == ENDING:
        return _saved(path)
    if is_linear(path):
        return lambda env: load_linear(path, scenario_of(env))
    # Local, since it loads PyTorch, which only these files need.
    from edge_llm_gym.sb3 import policy_factory

    return policy_factory(policy)


def policy_path(policy: str) -> Path:
    """The file of a trained policy. Raises ValueError for an unknown name of a shipped one."""
    if policy.startswith(PRETRAINED):
        return pretrained_path(policy.removeprefix(PRETRAINED))
    return Path(policy)


def _saved(path: Path) -> Callable[[gymnasium.Env], Policy]:
    read_policy_file(path)
    return lambda env: saved_policy(path, scenario_of(env))


def _imported(path: str) -> Any:
    """The object at package.module:name. Raises ValueError if it does not exist."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"no policy at {path!r}: {error}; it is written as package.module:factory") from error
