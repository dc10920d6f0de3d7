"""Archives that `model.save` of Stable-Baselines3, sb3-contrib and SBX wrote.

The archive does not name the algorithm, but the module of its policy class, in plain text beside the pickles. The
algorithm that is found by it loads the archive, which unpickles.
"""

import json
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import gymnasium

from edge_llm_gym.archives import ArchiveError, read_members
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.sb3.trained_policy import DecodedPolicy
from edge_llm_gym.sb3.weights import MAX_BYTES
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.settings import ConfigError

DATA: Final = "data"
ALGORITHMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "stable_baselines3.common.policies": (
            "sb3_contrib:TRPO",
            "stable_baselines3:PPO",
            "stable_baselines3:A2C",
        ),
        "stable_baselines3.dqn.policies": ("stable_baselines3:DQN",),
        "stable_baselines3.sac.policies": ("stable_baselines3:SAC",),
        "stable_baselines3.td3.policies": ("stable_baselines3:TD3",),
        "sb3_contrib.ars.policies": ("sb3_contrib:ARS",),
        "sb3_contrib.common.maskable.policies": ("sb3_contrib:MaskablePPO",),
        "sb3_contrib.common.recurrent.policies": ("sb3_contrib:RecurrentPPO",),
        "sb3_contrib.crossq.policies": ("sb3_contrib:CrossQ",),
        "sb3_contrib.qrdqn.policies": ("sb3_contrib:QRDQN",),
        "sb3_contrib.tqc.policies": ("sb3_contrib:TQC",),
        "sbx.crossq.policies": ("sbx:CrossQ",),
        "sbx.dqn.policies": ("sbx:DQN",),
        "sbx.ppo.policies": ("sbx:PPO",),
        "sbx.sac.policies": ("sbx:SAC",),
        "sbx.td3.policies": ("sbx:TD3",),
        "sbx.tqc.policies": ("sbx:TQC",),
        "edge_llm_gym.sb3.constant_policy": ("stable_baselines3:PPO", "stable_baselines3:A2C"),
        "edge_llm_gym.sb3.policies": ("stable_baselines3:PPO", "stable_baselines3:A2C"),
    }
)
"""Module of a policy class -> algorithms with such policies, those that are told by a setting of their own first."""
OWN_SETTING: Final[Mapping[str, str]] = MappingProxyType(
    {"sb3_contrib:TRPO": "cg_max_steps", "stable_baselines3:PPO": "clip_range"}
)
"""Algorithm -> a setting in its archives that the others with the same policy class do not have."""


def load_model(
    path: str | Path,
    env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario,
    codec: str = "parameters",
    **settings: Any,
) -> DecodedPolicy:
    """The model in an archive as a policy of an environment, through the codec that it was trained with.

    Warns that the archive holds pickles, which can run code: load only files that you trust. Raises ConfigError for a
    file that is no such archive, for a policy class of unknown origin, and for a model that does not fit.
    """
    path = Path(path)
    algorithm = _imported(path, algorithm_of(path))
    warnings.warn(f"{path} holds pickles, which can run code: load only files that you trust", stacklevel=2)
    try:
        model = algorithm.load(path, device="cpu")
    except Exception as error:  # a damaged pickle raises anything
        raise ConfigError(
            f"{path} cannot be loaded by {algorithm.__name__}: {type(error).__name__}: {shortened(str(error))}; save "
            f"the model again with the installed versions"
        ) from error
    try:
        return DecodedPolicy(model, env, codec, name=str(path), **settings)
    except ValueError as error:
        raise ConfigError(f"the model in {path} does not fit: {error}") from error


def algorithm_of(path: Path) -> str:
    """ "package:class" of the algorithm that saved an archive; nothing is unpickled.

    Raises ConfigError for a file that is no such archive and for a policy class of unknown origin.
    """
    data = _data(path)
    described = data.get("policy_class")
    module = described.get("__module__") if isinstance(described, dict) else None
    if not isinstance(module, str) or module not in ALGORITHMS:
        raise ConfigError(
            f"{path} holds a policy class of {quoted(module)}, and archives are loaded for those of {len(ALGORITHMS)} "
            f"modules of Stable-Baselines3, sb3-contrib and SBX; load the model yourself and wrap it in DecodedPolicy"
        )
    names = ALGORITHMS[module]
    return next((name for name in names if OWN_SETTING.get(name) in data), names[-1])


def _data(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(read_members(path, MAX_BYTES, (DATA,))[DATA])
    except (ArchiveError, OSError, ValueError, RecursionError) as error:
        raise ConfigError(
            f"{path} is no archive of Stable-Baselines3: {shortened(str(error))}; give a file that model.save wrote"
        ) from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is no archive of Stable-Baselines3: its member {DATA!r} holds {quoted(data)}")
    return data


def _imported(path: Path, name: str) -> Any:
    package, _, algorithm = name.partition(":")
    try:
        return getattr(import_module(package), algorithm)
    except ImportError as error:
        raise ConfigError(f"the model in {path} needs {package}, which cannot be imported: {error}") from None
