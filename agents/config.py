"""The configuration of a run: validated records read from YAML, written back with every default resolved."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from agents.names import ALGORITHMS, MIXERS
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.registration import ENVIRONMENTS

Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class ConfigError(ValueError):
    """A configuration that cannot be used: states where, the rule and the value received."""


class Section(BaseModel):
    """Base of every section: frozen, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class EnvironmentConfig(Section):
    """What is learned on: an id, a scenario in place of its own, and overrides by dotted path."""

    id: str
    scenario: str | None = None
    overrides: dict[str, Any] = {}
    reward_scale: Positive = 1.0  # of what the learner sees

    @field_validator("id")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_name("environment", value, ENVIRONMENTS)


class CodecConfig(Section):
    """How flat actions become the environment's: a name of `edge_llm_gym.codecs` and its settings."""

    name: str
    settings: dict[str, Any] = {}


class PolicyConfig(Section):
    """The networks. `kind` "set" takes `width`, `mixer`, `prior`, `log_std`; "mlp" takes `hidden` layers."""

    kind: Literal["set", "mlp"] = "set"
    width: Count = 32
    mixer: str = "pool"
    prior: bool = True
    log_std: float = -1.5
    hidden: tuple[Count, ...] = (128, 128)

    @field_validator("mixer")
    @classmethod
    def _is_known(cls, value: str) -> str:
        return known_name("mixer", value, MIXERS)


class ImitationConfig(Section):
    """Cloning an expert. `rounds` 1 is behaviour cloning; in later rounds the learner acts and the expert relabels."""

    expert: str
    rounds: Count = 4
    rows: Count = 16  # episodes at once
    epochs_per_round: Count = 100  # environment epochs that every row is labelled for in a round
    passes: Count = 20  # over all labels so far, in each round
    batch_size: Count = 256
    learning_rate: Positive = 2e-3
    waiting_weight: Positive = 0.3  # of a request that waits beside one that goes to a node, under codec "priority"
    seed: Whole = 1_000_000
    critic_steps: Whole = 0  # environment steps of the reinforcement learning after it in which the actor stays


class EvaluationConfig(Section):
    """Held-out seeds `first_seed`, ... on which the learner meets `expert` every `every` environment steps."""

    every: Count = 100_000
    first_seed: Whole = 2_000_000
    seeds: Count = 8
    expert: str | None = None


class RunConfig(Section):
    """A whole run. `steps` counts environment steps over all `rows`; `hyperparameters` go by the library's names."""

    environment: EnvironmentConfig
    codec: CodecConfig
    algorithm: str = "ppo"
    policy: PolicyConfig = PolicyConfig()
    hyperparameters: dict[str, Any] = {}
    rows: Count = 256
    steps: Whole = 1_000_000
    seed: Whole = 0
    imitation: ImitationConfig | None = None
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint_every: Count = 200_000
    threads: Count = 1

    @field_validator("algorithm")
    @classmethod
    def _algorithm_is_known(cls, value: str) -> str:
        return known_name("algorithm", value, ALGORITHMS)

    @model_validator(mode="after")
    def _policy_suits_the_algorithm(self) -> "RunConfig":
        if self.policy.kind == "set" and not ALGORITHMS[self.algorithm]:
            able = [name for name, has_sets in ALGORITHMS.items() if has_sets]
            raise ValueError(
                f"algorithm {self.algorithm!r} has no set-structured policy; write policy: {{kind: mlp}}, or choose "
                f"one of {able}"
            )
        return self


def read_config(source: str | Path | Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration in a YAML file or a mapping, with `changes` by dotted path, as in {"policy.width": 64}.

    Raises ConfigError for a missing file, an unknown key and every broken rule.
    """
    label, data = _raw(source)
    for path, value in (changes or {}).items():
        _set(data, path.split("."), value)
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"configuration {label}:\n" + "\n".join(_explain(error))) from None


def write_config(config: RunConfig, path: Path) -> None:
    """Writes the configuration with every default."""
    path.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), "utf-8")


def _raw(source: str | Path | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if isinstance(source, Mapping):
        return "given as a mapping", yaml.safe_load(yaml.safe_dump(dict(source)))
    path = Path(source)
    if not path.is_file():
        raise ConfigError(f"there is no configuration file {str(path)!r}; recipes lie in configs/agents")
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"configuration {path} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"configuration {path}: it holds a mapping at its top, got {type(data).__name__}")
    return str(path), data


def _set(data: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        data[part] = data.get(part) or {}
        data = data[part]
        if not isinstance(data, dict):
            raise ConfigError(f"the path {'.'.join(path)!r} goes below a plain value {data!r}")
    data[path[-1]] = value


def _explain(error: ValidationError) -> Iterator[str]:
    """One line per broken rule: where, the rule, the value."""
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "configuration"
        if item["type"] == "extra_forbidden":
            fields = _fields_at(item["loc"][:-1])
            yield f"  {where}: unknown key {item['loc'][-1]!r}; {suggestion(str(item['loc'][-1]), fields)}"
        elif item["type"] == "missing":
            yield f"  {where}: this key is required"
        else:
            got = "" if isinstance(item["input"], (dict, BaseModel)) else f" (got {item['input']!r})"
            yield f"  {where}: {item['msg'].removeprefix('Value error, ')}{got}"


def _fields_at(location: tuple[int | str, ...]) -> list[str]:
    """Keys that the section at a location knows."""
    section: type[BaseModel] = RunConfig
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        section = next(kind for kind in (annotation, *get_args(annotation)) if _is_section(kind))
    return list(section.model_fields)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
