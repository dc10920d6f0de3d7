"""Attributes and methods of the rows of a flat vector environment that differ from those of the structured one."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from edge_llm_gym.rows import split_rows

if TYPE_CHECKING:
    from edge_llm_gym.env.env import EnvSnapshot
    from edge_llm_gym.env.flat.vector_env import FlatVectorEnv

Values = tuple[Any, ...]


def _restored(envs: "FlatVectorEnv", snapshot: "EnvSnapshot") -> Values:
    observed = envs.restore([snapshot] * envs.num_envs)
    if isinstance(observed, dict):
        return tuple({key: array[row] for key, array in observed.items()} for row in range(envs.num_envs))
    return tuple(observed)


def _shared(name: str) -> Callable[["FlatVectorEnv"], Values]:
    return lambda envs: (getattr(envs, name),) * envs.num_envs


OWN_VALUES: Final[Mapping[str, Callable[..., Values]]] = MappingProxyType(
    {
        "action_masks": lambda envs: tuple(envs.action_masks()),
        "action_space": _shared("single_action_space"),
        "codec": _shared("codec"),
        "observation_space": _shared("single_observation_space"),
        "reader": _shared("reader"),
        "restore": _restored,
        "structured_observation": lambda envs: tuple(split_rows(envs.structured_observation)),
    }
)
"""Attribute or method of `FlatEnv` -> its values for all rows."""
