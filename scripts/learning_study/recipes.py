"""The recipes of the study, and whom what they find is compared with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

OTHERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "single-node": ("dftsp", "dftsp[energy_price=0.006]"),
        "multi-node": ("ot-gah", "ot-gah[energy_price=0.006]"),
        "continuous": ("ot-gah", "ot-gah[energy_price=0.006]"),
        "early-exit": ("dto-ee",),
        "joint": ("ot-gah+dto-ee",),
    }
)
"""Environment -> experts."""
PRICED: Final = ("single-node", "multi-node", "continuous", "joint")
"""Environments with networks of prices."""
OFF_POLICY: Final = ("single-node", "multi-node")
"""Environments on which SAC chooses the parameters of the linear policy by the state."""
CONSTANTS: Final = ("parameters", "a2c-parameters", "search")
"""Families that find constant parameters of the linear policy: PPO, A2C and the cross-entropy search."""
RECIPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {f"{family}-{name}": experts for family in CONSTANTS for name, experts in OTHERS.items()}
    | {f"sac-parameters-{name}": OTHERS[name] for name in OFF_POLICY}
    | {f"prices-{name}": (f"pretrained:{name}-ppo", *OTHERS[name]) for name in PRICED}
)
"""Recipe, configs/agents/<name>.yaml -> experts and shipped policies that the agent is compared with."""


def environment_of(recipe: str) -> str:
    """The environment in the name of a recipe, as in OTHERS."""
    return next(name for name in OTHERS if recipe.endswith(name))


def is_search(recipe: str) -> bool:
    """Whether `scripts.search` runs the recipe; `scripts.train` runs the others."""
    return recipe.startswith("search-")
