"""A reward and observation features of a user's own, as functions of arrays over rows.

Single and vector environments call the same functions: R is 1 in a single environment. Functions are given as objects,
or as a text "package.module:name", which is imported when the environment is made. Scenario files cannot name them:
loading a file never runs code.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from edge_llm_gym.arrays import Array
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.messages import quoted
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.sim.simulator import Simulator

Numbers = Mapping[str, Array]
RewardFunction = Callable[[Numbers, Scenario], Array]
"""(metrics of the epoch by name, each [R] float64; scenario) -> [R], added to the weighted sum of metrics."""
FeatureFunction = Callable[[Numbers, Numbers, Scenario], Array]
"""(observation by key, each [R, ...]; totals by name, each [R] float64; scenario) -> [R, *shape of the space]."""
OWN_TERM: Final = "own"
"""Name of the own reward among the terms of the reward in `info`."""


@dataclass(frozen=True)
class Feature:
    """A key of the observation beside those of the dynamics.

    Attributes:
        key: a name that the observation does not have yet.
        space: of one row.
        function: computes the feature of all rows, see `FeatureFunction`; `totals` are `info["totals"]`, the metrics
            since the reset. It is called at every reset and step.
    """

    key: str
    space: spaces.Box
    function: FeatureFunction


class OwnFunctions:
    """The own reward and the own features of an environment.

    Args:
        reward: a RewardFunction or the text of one; None for none.
        features: of Feature objects or texts of them; None for none.

    Raises ValueError for a text that cannot be imported, and for anything but functions and features.
    """

    def __init__(self, reward: RewardFunction | str | None, features: Iterable[Feature | str] | None) -> None:
        self._reward: RewardFunction | None = None if reward is None else _function(reward)
        self._features = tuple(map(_feature, _listed(features)))

    def observation_space(self, scenario: Scenario) -> spaces.Dict:
        """The space of one row with the own features. Raises ValueError for a key that is there already."""
        known = dict(interface_of(scenario).observation_space(scenario).spaces)
        for feature in self._features:
            if feature.key in known:
                raise ValueError(
                    f"the key of a feature must be a new one, got {quoted(feature.key)}, which the observation has "
                    f"already; choose another"
                )
            known[feature.key] = feature.space
        return spaces.Dict(known)

    def observed(self, simulator: Simulator, observation: dict[str, Array]) -> dict[str, Array]:
        """The observation of every row with the own features."""
        if not self._features:
            return observation
        seen = {key: _read_only(array) for key, array in observation.items()}
        totals = _columns(simulator.scenario, simulator.state.totals)
        rows, scenario = simulator.rows, simulator.scenario
        return observation | {
            feature.key: _observed(feature, rows, seen, totals, scenario) for feature in self._features
        }

    def rewarded(self, simulator: Simulator, result: Any) -> tuple[Any, Array | None]:
        """The result of a step with the own reward added, and the own reward [R]; None without one."""
        if self._reward is None:
            return result, None
        scenario, metrics = simulator.scenario, _columns(simulator.scenario, result.metrics)
        own = _checked(self._reward(metrics, scenario), "the own reward", (simulator.rows,), np.dtype(np.float64))
        return result._replace(reward=result.reward + own), own

    def no_reward(self, rows: int) -> Array | None:
        """The own reward [R] of a reset; None without one."""
        return None if self._reward is None else np.zeros(rows)


def _observed(feature: Feature, rows: int, seen: Numbers, totals: Numbers, scenario: Scenario) -> Array:
    space, name = feature.space, f"feature {feature.key!r}"
    value = _checked(feature.function(seen, totals, scenario), name, (rows, *space.shape), np.dtype(space.dtype))
    if ((value < space.low) | (value > space.high)).any():
        raise ValueError(
            f"{name} must lie in its space {space}, got values from {value.min():g} to {value.max():g}; clip them, or "
            f"declare a wider space"
        )
    return value


def _checked(value: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """A new array of the value. Raises ValueError for another shape, another kind of values, inf and NaN."""
    array = np.asarray(value)
    if array.shape != shape or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be an array of numbers of shape {shape}, one entry per row, got {array.dtype} of shape "
            f"{array.shape}; return one value for each row of the arguments"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got {quoted(array.tolist())}; guard divisions and logarithms")
    return array.astype(dtype)


def _columns(scenario: Scenario, values: Array) -> dict[str, Array]:
    return dict(zip(scenario.metrics, _read_only(values).T, strict=True))


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view


def _function(source: Any) -> RewardFunction:
    function = imported("reward", source)
    if not callable(function):
        raise ValueError(
            f"reward is a function (metrics, scenario) -> [R] or its 'package.module:name', got {quoted(source)}; pass "
            "one of these. Weights of metrics go to overrides={'reward': {...}}"
        )
    return function


def _listed(features: Any) -> tuple[Any, ...]:
    if features is None:
        return ()
    if isinstance(features, (str, Feature)):
        return (features,)
    if not isinstance(features, Iterable) or isinstance(features, Mapping):
        raise ValueError(f"features is a list of Feature objects or of their texts, got {quoted(features)}; pass one")
    return tuple(features)


def _feature(source: Any) -> Feature:
    feature = imported("features", source)
    if not isinstance(feature, Feature) or not isinstance(feature.space, spaces.Box) or not callable(feature.function):
        raise ValueError(
            f"a feature is Feature(key, Box space, function) or the 'package.module:name' of one, got {quoted(source)};"
            " pass one of these"
        )
    return feature


def imported(argument: str, source: Any) -> Any:
    """The object that a text "package.module:name" names; anything else as it is.

    Raises ValueError, which names the argument, for a text of another form and for a name that does not exist.
    """
    if not isinstance(source, str):
        return source
    module, colon, name = source.partition(":")
    if not (module and colon and name):
        raise ValueError(f"{argument} is given as 'package.module:name', got {quoted(source)}; name module and object")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise ValueError(
            f"{argument} {quoted(source)} cannot be imported: {error}; check the names and the working directory"
        ) from error
