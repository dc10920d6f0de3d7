"""The clients: pinned packages of each environment, and the recipes that run in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Recipe:
    """A file below `recipes`, without ".py"."""

    name: str
    control: str | None = None
    """An environment of Gymnasium on which the recipe must run with no other change; None if it needs our data."""


@dataclass(frozen=True)
class Repository:
    """Files of a git repository that are not packaged, at a fixed commit. They are no part of this project."""

    url: str
    commit: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Client:
    """The environment of a client: packages, recipes, and the extras of this package that they need."""

    packages: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    extras: str = ""
    unresolved: tuple[str, ...] = ()
    """Packages whose own pins exclude the other ones; they are installed without their dependencies."""
    excludes_ours: bool = False
    """Whether the packages exclude the Gymnasium that this package requires; it is then installed the same way."""
    repository: Repository | None = None


OWN: Final = ("numba", "numpy", "pydantic", "pyyaml", "rich", "safetensors", "typer")
"""What this package needs besides Gymnasium."""
PENDULUM, CARTPOLE = "Pendulum-v1", "CartPole-v1"
TORCH, SB3, GYMNASIUM, MINARI = "torch", "stable-baselines3==2.9.2", "gymnasium==1.4.0", "minari==0.5.4"
"""The constraints pin PyTorch."""
D3RLPY: Final = ("click", "colorama", "dataclasses-json", "gym", "h5py", "scikit-learn", "structlog", "tqdm")
"""What d3rlpy requires besides."""

CLIENTS: Final[Mapping[str, Client]] = MappingProxyType(
    {
        "gymnasium": Client((GYMNASIUM,), (Recipe("gymnasium_checkers"),)),
        "sb3": Client(
            (SB3, "sb3-contrib==2.9.2", GYMNASIUM, TORCH),
            (Recipe("sb3_ppo", PENDULUM), Recipe("sb3_maskable"), Recipe("sb3_dqn", CARTPOLE), Recipe("sb3_checker")),
        ),
        "rl_zoo3": Client(("rl-zoo3==2.9.2", SB3, GYMNASIUM, TORCH), (Recipe("rl_zoo3"),)),
        "sbx": Client(("sbx-rl==0.28.0", SB3, GYMNASIUM, TORCH), (Recipe("sbx", CARTPOLE),)),
        "rllib": Client(("ray[rllib]==2.60.0", TORCH), (Recipe("rllib", CARTPOLE),)),
        "tianshou": Client(("tianshou[eval]==2.0.1", GYMNASIUM, TORCH), (Recipe("tianshou", CARTPOLE),)),
        "torchrl": Client(("torchrl==0.14.1", GYMNASIUM, TORCH), (Recipe("torchrl", PENDULUM),)),
        "cleanrl": Client(
            ("gymnasium[classic-control]==0.29.1", "tyro==1.0.17", "tensorboard==2.21.0", TORCH),
            (Recipe("cleanrl_ppo", CARTPOLE), Recipe("cleanrl_ppo_continuous", PENDULUM)),
            excludes_ours=True,
            repository=Repository(
                "https://github.com/vwxyzjn/cleanrl",
                "fe8d8a03c41a7ef5b523e2e354bd01c363e786bb",
                ("cleanrl/ppo.py", "cleanrl/ppo_continuous_action.py"),
            ),
        ),
        "minari": Client((MINARI, GYMNASIUM), (Recipe("minari_collector", CARTPOLE), Recipe("minari_sources")), "data"),
        "d3rlpy": Client(
            (MINARI, GYMNASIUM, TORCH, *D3RLPY),
            (Recipe("d3rlpy_box"), Recipe("d3rlpy_discrete")),
            extras="data",
            unresolved=("d3rlpy==2.8.1",),
        ),
        "imitation": Client(
            (SB3, GYMNASIUM, TORCH, "datasets", "matplotlib", "sacred", "scikit-learn", "tensorboard", "tqdm"),
            (Recipe("imitation_bc"),),
            unresolved=("imitation==1.0.1",),
        ),
    }
)
"""Name on the command line -> client."""
