"""What a trained policy is described by: environment, codec, algorithm and network. Read without PyTorch.

A training run writes it as the beginning of its config.yaml, beside the archive with the weights.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from edge_llm_gym.names import known_name
from edge_llm_gym.quantities import Range
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.settings import ConfigError, SettingsReader

Count = Annotated[int, Range("", 1, 10**12)]
Positive = Annotated[float, Range("", 1e-12, 1e12)]
LogDeviation = Annotated[float, Range("", -20.0, 20.0)]

HAS_SET_POLICY: Final[Mapping[str, bool]] = MappingProxyType(
    {
        "ppo": True,
        "a2c": True,
        "maskable-ppo": True,
        "dqn": False,
        "sac": False,
        "td3": False,
        "tqc": False,
        "ars": False,
    }
)
"""Algorithm -> whether it has a set-structured policy."""
HAS_CONSTANT_POLICY: Final = ("ppo", "a2c", "ars")
"""Algorithms that a policy with a constant mean action can be trained by."""
HAS_ONLY_CONSTANT_POLICY: Final = ("ars",)
"""Algorithms without a policy that reads token sets."""
MIXERS: Final = ("pool", "attention")
CONFIG_FILE: Final = "config.yaml"


class Section(BaseModel):
    """Base of every section: frozen, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EnvironmentConfig(Section):
    """The environment: an id, a scenario in place of its own, and overrides by dotted path."""

    id: str
    scenario: str | None = None
    overrides: dict[str, Any] = {}
    reward_scale: Positive = 1.0  # factor of the rewards that the algorithm receives

    @field_validator("id")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_name("environment", value, ENVIRONMENTS)


class CodecConfig(Section):
    """The codec of flat actions: a name of `edge_llm_gym.codecs` and its settings."""

    name: str
    settings: dict[str, Any] = {}


class PolicyConfig(Section):
    """The networks.

    `kind` "set" takes `width`, `mixer`, `prior`, `log_std`; "mlp" takes `hidden` layers and `log_std`; "constant",
    whose action does not depend on the state, takes `gain`, `log_std` and `noise` (under ARS none of them).
    """

    kind: Literal["set", "mlp", "constant"] = "set"
    width: Count = 32
    mixer: str = "pool"
    prior: bool = True
    log_std: LogDeviation = -1.5
    gain: Positive = 2.0  # factor of the learned numbers of a constant action: it multiplies their learning rate
    noise: Literal["step", "rollout"] = "step"  # how often the noise of a constant action is drawn
    hidden: tuple[Count, ...] = (128, 128)

    @field_validator("mixer")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_name("mixer", value, MIXERS)


class PolicyDescription(Section):
    """All that loading a policy needs beside its weights."""

    environment: EnvironmentConfig
    codec: CodecConfig
    algorithm: str = "ppo"
    policy: PolicyConfig = PolicyConfig()

    @field_validator("algorithm")
    @classmethod
    def _algorithm_is_known(cls, value: str) -> str:
        return known_name("algorithm", value, HAS_SET_POLICY)

    @model_validator(mode="after")
    def _policy_suits_the_algorithm(self) -> "PolicyDescription":
        if self.policy.kind == "constant" and self.algorithm not in HAS_CONSTANT_POLICY:
            raise ValueError(
                f"algorithm {self.algorithm!r} has no constant policy; write policy: {{kind: mlp}}, or choose one of "
                f"{list(HAS_CONSTANT_POLICY)}"
            )
        if self.policy.kind != "constant" and self.algorithm in HAS_ONLY_CONSTANT_POLICY:
            raise ValueError(
                f"algorithm {self.algorithm!r} trains constant policies alone; write policy: {{kind: constant}}"
            )
        if self.policy.kind == "set" and not HAS_SET_POLICY[self.algorithm]:
            able = [name for name, has_sets in HAS_SET_POLICY.items() if has_sets]
            raise ValueError(
                f"algorithm {self.algorithm!r} has no set-structured policy; write policy: {{kind: mlp}}, or choose "
                f"one of {able}"
            )
        return self


READER: Final = SettingsReader("configuration", PolicyDescription, ConfigError)


def config_path(archive: Path) -> Path:
    """The config.yaml beside an archive, or beside the checkpoint folder that holds it.

    Raises ConfigError for an archive that is missing or has none.
    """
    if not archive.is_file():
        raise ConfigError(f"there is no trained policy at {str(archive)!r}; a run writes model.zip and best.zip")
    for folder in (archive.parent, archive.parent.parent):
        if (folder / CONFIG_FILE).is_file():
            return folder / CONFIG_FILE
    raise ConfigError(
        f"{archive} lacks the {CONFIG_FILE} of its run, which describes the network in it; keep both in one folder. "
        f"The archive of a model that Stable-Baselines3 saved is named with its codec: compare --codec"
    )


def describe(archive: Path) -> PolicyDescription:
    """The description of the policy in an archive; settings of the training run beside it are left out.

    Raises ConfigError for an archive that is missing or has no config.yaml, and for a broken rule in it.
    """
    path = config_path(archive)
    data = READER.read(path)
    return READER.validate(str(path), {key: data[key] for key in PolicyDescription.model_fields if key in data})
