"""What `compare` takes for a policy: an expert's name, a path to a factory, a factory or a policy.

An expert's settings follow its name in brackets, as in "dftsp[overrun_s=0]" or "stb[batch_size=4]"; several are parted
by semicolons.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import gymnasium
import yaml

from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.experts.registry import EXPERTS
from edge_llm_gym.names import suggestion

PolicyLike = str | Policy | Callable[[gymnasium.Env], Policy]


@dataclass(frozen=True)
class PolicySource:
    """A named way to get a fresh policy for an environment."""

    name: str
    source: PolicyLike

    def make(self, env: gymnasium.Env, seed: int) -> Policy:
        """A policy for one episode; `seed` serves stochastic experts. Raises TypeError for what cannot predict."""
        if isinstance(self.source, str) and ":" not in self.source:
            name, settings = split_settings(self.source)
            return make_expert(name, env, seed=seed, **settings)
        policy: Any = self.source
        if isinstance(policy, str):
            policy = _imported(policy)
        if isinstance(policy, type) or not hasattr(policy, "predict"):
            policy = policy(env)
        if not hasattr(policy, "predict"):
            raise TypeError(f"policy {self.name!r} needs a method predict(observation), got {policy!r}")
        made: Policy = policy
        return made


def policy_sources(policies: Iterable[PolicyLike | tuple[str, PolicyLike]]) -> list[PolicySource]:
    """Named sources. Raises ValueError for unknown names, repeated names and an empty list."""
    sources = [_source(policy) for policy in policies]
    names = [source.name for source in sources]
    if not names:
        raise ValueError("there is no policy to compare; name at least one")
    if len(set(names)) < len(names):
        raise ValueError(f"policy names must differ from one another, got {names}; pass (name, policy) pairs")
    return sources


def _source(policy: PolicyLike | tuple[str, PolicyLike]) -> PolicySource:
    if isinstance(policy, tuple):
        name, what = policy
        return PolicySource(name, _source(what).source)
    if isinstance(policy, str):
        if ":" in policy:
            _imported(policy)
        elif split_settings(policy)[0] not in EXPERTS:
            hint = suggestion(split_settings(policy)[0], EXPERTS)
            raise ValueError(f"unknown policy {policy!r}; {hint} A policy of your own goes as package.module:factory")
        return PolicySource(policy, policy)
    if not callable(policy) and not hasattr(policy, "predict"):
        raise TypeError(f"a policy is a name, 'package.module:factory', a factory or has predict(), got {policy!r}")
    label = getattr(policy, "name", None) or getattr(policy, "__name__", type(policy).__name__)
    return PolicySource(str(label), policy)


def split_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Name and settings of "name[key=value;key=value]". Raises ValueError for anything else in brackets."""
    name, bracket, rest = text.partition("[")
    if not bracket:
        return name, {}
    pairs = [pair.partition("=") for pair in rest.removesuffix("]").split(";")]
    if not rest.endswith("]") or not all(key.strip() and equals for key, equals, _ in pairs):
        raise ValueError(f"settings of a policy are written as name[key=value;key=value], got {text!r}")
    return name, {key.strip(): yaml.safe_load(value) for key, _, value in pairs}


def _imported(path: str) -> Any:
    """The object at package.module:name. Raises ValueError where there is none."""
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"no policy at {path!r}: {error}; it is written as package.module:factory") from error
