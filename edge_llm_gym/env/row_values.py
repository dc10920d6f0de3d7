"""Attributes and methods of the rows of a vector environment, by the names that the single environment has."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from edge_llm_gym.env.env import EnvSnapshot
from edge_llm_gym.rows import split_rows

if TYPE_CHECKING:
    from edge_llm_gym.env.vector_env import EdgeLLMVectorEnv

Values = tuple[Any, ...]


def values_of(envs: "EdgeLLMVectorEnv", name: str, *args: Any, **kwargs: Any) -> Values:
    """The value of an attribute, or the result of a method, for each row.

    Raises AttributeError for an unknown name and for a method that rows do not have.
    """
    if name in PER_ROW:
        return PER_ROW[name](envs, *args, **kwargs)
    value = getattr(envs, name)
    if callable(value):
        raise AttributeError(
            f"the rows of a native vector environment have no method {name!r}; call takes {', '.join(METHODS)}"
        )
    return (value,) * envs.num_envs


def value_for_all(name: str, values: Any, rows: int) -> Any:
    """The one value that all rows share; a list or tuple holds one per row.

    Raises ValueError for another number of values than rows, and for values that differ.
    """
    if not isinstance(values, (list, tuple)):
        return values
    if len(values) != rows:
        raise ValueError(f"a list holds one value of {name!r} per row: num_envs is {rows}, got {len(values)} values")
    if any(value is not values[0] and value != values[0] for value in values[1:]):
        raise ValueError(
            f"rows of a native vector environment share {name!r} and cannot differ, got {len(values)} values; give one "
            "value, or make the environments with vectorization_mode='sync'"
        )
    return values[0]


def _restored(envs: "EdgeLLMVectorEnv", snapshot: EnvSnapshot) -> Values:
    return tuple(split_rows(envs.restore([snapshot] * envs.num_envs)))


def _frames(envs: "EdgeLLMVectorEnv") -> Values:
    return envs.render() or (None,) * envs.num_envs


METHODS: Final[Mapping[str, Callable[..., Values]]] = MappingProxyType(
    {
        "action_masks": lambda envs: tuple(envs.action_masks()),
        "render": _frames,
        "restore": _restored,
        "snapshot": lambda envs: envs.snapshot(),
    }
)
"""Method of the single environment -> its results for all rows."""
PER_ROW: Final[Mapping[str, Callable[..., Values]]] = MappingProxyType(
    {
        **METHODS,
        "episode_scenario": lambda envs: envs.episode_scenarios,
        "action_space": lambda envs: (envs.single_action_space,) * envs.num_envs,
        "observation_space": lambda envs: (envs.single_observation_space,) * envs.num_envs,
        "np_random": lambda envs: envs.np_random,
        "np_random_seed": lambda envs: envs.np_random_seed,
    }
)
"""Attribute or method of the single environment that differs between rows or from the vector environment's."""
