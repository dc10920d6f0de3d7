"""Construction of rollout policies, with their settings checked."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import gymnasium
import numpy as np

from edge_llm_gym.env.env import EdgeLLMEnv
from edge_llm_gym.experts import Policy, make_expert
from edge_llm_gym.linear import LinearPolicy, load_linear, make_linear
from edge_llm_gym.lookahead.policy import RolloutPolicy
from edge_llm_gym.lookahead.rollouts import RolloutSettings
from edge_llm_gym.names import suggestion
from edge_llm_gym.numeric import real_number, whole_number
from edge_llm_gym.sb3.policy_file import ENDING
from edge_llm_gym.sb3.pretrained import PRETRAINED, pretrained_path
from edge_llm_gym.sb3.saved import saved_policy
from edge_llm_gym.scenario import Scenario

ROLLOUT: Final = "rollout"
"""Name of the policy in comparisons."""
ZERO: Final = "zero"
"""Base policy: the linear one at zero parameters."""
NONE: Final = "none"
"""No expert among the candidates."""
EXPERTS: Final[Mapping[str, str]] = MappingProxyType(
    {"batching": "ot-gah", "batching_routing": "ot-gah+dto-ee", "streaming": "dto-ee"}
)
"""Dynamics -> the expert among the candidates, by default."""
MOST_ROWS: Final = 4096
"""Greatest number of candidates times futures."""


def make_rollout(
    env: gymnasium.Env,
    *,
    seed: int | None = None,
    base: str | LinearPolicy = ZERO,
    expert: str | None = None,
    **settings: Any,
) -> RolloutPolicy:
    """A policy that looks ahead, for a single environment.

    Args:
        env: a single environment, through any wrappers that leave its observations and actions as they are.
        seed: of the futures and the candidates.
        base: a linear policy: "zero" for zero parameters, "pretrained:NAME" for a shipped one, the path of a file that
            scripts.export or scripts.search wrote, or an object.
        expert: name of an expert whose action is a candidate, "none" for none.
        **settings: fields of `RolloutSettings`. In a name, as in "rollout[futures=8;base=zero]", all of them:

    | setting | meaning | default |
    |---|---|---|
    | `horizon` | epochs of a rollout, the present one included | 6 |
    | `futures` | resampled futures | 16 |
    | `candidates` | actions that are tried, that of the base policy included | 8 |
    | `deviation` | standard deviation of the noise on the base policy's parameters | 0.2 |
    | `margin` | standard errors by which an action must be better than that of the base policy | 1 |
    | `discount` | weight of the reward of an epoch over that of the epoch before | 1 |
    | `base` | linear policy: zero, pretrained:NAME, or a file | zero |
    | `expert` | name of the expert among the candidates, none for none | that of the dynamics |

    Raises ValueError for a setting out of range, a base policy that is not linear or does not fit and an unknown
    expert, and TypeError for an unknown setting and for anything but a single environment.
    """
    inner = getattr(env, "unwrapped", None)
    if not isinstance(inner, EdgeLLMEnv):
        raise TypeError(f"policy {ROLLOUT!r} needs a single environment, whose state it reads, got {env!r}; make one")
    scenario = inner.scenario
    chosen = EXPERTS[scenario.dynamics] if expert is None else expert
    return RolloutPolicy(
        inner, base_policy(base, scenario), _expert(chosen, scenario), checked_settings(settings), seed
    )


def _expert(name: str, scenario: Scenario) -> Policy | None:
    return None if name == NONE else make_expert(name, scenario, seed=0)


def base_policy(base: str | LinearPolicy, scenario: Scenario) -> LinearPolicy:
    """The linear policy that a setting names. Raises ValueError for one that is not linear or does not fit."""
    policy = _loaded(base, scenario) if isinstance(base, str) else base
    if not isinstance(policy, LinearPolicy):
        raise ValueError(
            f"the base policy of {ROLLOUT!r} must be linear, with parameters that it can vary, got {base!r}; choose a "
            f"policy of constant parameters, or {ZERO!r}"
        )
    return policy


def _loaded(base: str, scenario: Scenario) -> Any:
    if base == ZERO:
        return make_linear(scenario, search="quick")
    if base.startswith(PRETRAINED):
        return saved_policy(pretrained_path(base.removeprefix(PRETRAINED)), scenario)
    path = Path(base)
    return saved_policy(path, scenario) if path.suffix == ENDING else load_linear(path, scenario)


def checked_settings(settings: Mapping[str, Any]) -> RolloutSettings:
    """The settings. Raises TypeError for an unknown one and ValueError for one out of range."""
    known = [field.name for field in fields(RolloutSettings)]
    for name in settings:
        if name not in known:
            raise TypeError(
                f"policy {ROLLOUT!r} has no setting {name!r}; {suggestion(name, [*known, 'base', 'expert'])}"
            )
    checked = {name: _checked(name, value) for name, value in settings.items()}
    chosen = RolloutSettings(**checked)
    if chosen.candidates * chosen.futures > MOST_ROWS:
        raise ValueError(
            f"candidates times futures may be {MOST_ROWS} at most, got {chosen.candidates} times {chosen.futures}; "
            f"lower one of them"
        )
    return chosen


def _checked(name: str, value: Any) -> Any:
    if name in ("horizon", "futures", "candidates"):
        return whole_number(name, value, least=1, greatest=MOST_ROWS)
    greatest = 1.0 if name == "discount" else np.inf
    return real_number(name, value, greatest=greatest)
