"""The configuration of a training run: validated sections read from YAML, written back with every default resolved."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from agents.tuning_space import TuningConfig
from edge_llm_gym.files import write_text
from edge_llm_gym.messages import quoted
from edge_llm_gym.quantities import Range
from edge_llm_gym.sb3.description import Count, PolicyDescription, Positive, Section
from edge_llm_gym.settings import ConfigError, SettingsReader
from edge_llm_gym.yaml_text import dump_yaml, is_file

ON_POLICY: Final = ("ppo", "a2c", "maskable-ppo")
"""Algorithms that learn from whole rollouts."""
TEST_TAPES: Final = 3_000_000
"""Seed of the first of the tapes on which results are reported; neither training nor a choice uses them."""
IMITATION_SEED_STEP: Final = 100_000
"""Between the seeds of the imitation of two training seeds, which must not share tapes."""
Whole = Annotated[int, Range("", 0, 2**62)]


class ImitationConfig(Section):
    """Imitation of an expert. `rounds` 1 is behaviour cloning; in later rounds the agent acts and the expert labels."""

    expert: str
    rounds: Count = 4
    rows: Count = 16  # episodes at once
    epochs_per_round: Count = 100  # environment epochs that are labelled in every row and round
    passes: Count = 20  # over all labels so far, in each round
    batch_size: Count = 256
    learning_rate: Positive = 2e-3
    waiting_weight: Positive = 0.3  # weight of requests that wait, under codec "priority"; others weigh 1
    seed: Whole = 1_000_000
    critic_steps: Whole = 0  # environment steps of the reinforcement learning after it in which the actor is frozen


class EvaluationConfig(Section):
    """Held-out seeds `first_seed`, ... on which the agent and `expert` are compared every `every` environment steps."""

    every: Count = 100_000
    first_seed: Whole = 2_000_000
    seeds: Count = 8
    expert: str | None = None


class RunConfig(PolicyDescription):
    """A whole run. `steps` counts environment steps over all `rows`; `hyperparameters` go by the library's names.

    A number among them may be a mapping {from: A, to: B}: it then changes linearly over the run, where the algorithm
    takes a schedule, as for learning_rate.
    """

    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    rows: Count = 256
    group: Count = 1  # rows that share tapes and start each rollout in the same state, see NativeVecEnv
    steps: Whole = 1_000_000
    seed: Whole = 0
    imitation: ImitationConfig | None = None
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint_every: Count = 200_000
    threads: Count = 1  # of PyTorch, and of the environment's rows
    tuning: TuningConfig | None = None  # what `scripts.tune` searches; a run ignores it

    def on_tapes(self, seeds: int, first_seed: int) -> "RunConfig":
        """The same run with other held-out seeds."""
        chosen = self.evaluation.model_copy(update={"seeds": seeds, "first_seed": first_seed})
        return self.model_copy(update={"evaluation": chosen})

    def seed_changes(self, seed: int) -> dict[str, int]:
        """Changes by dotted path that give the run another training seed, in the imitation too."""
        if self.imitation is None:
            return {"seed": seed}
        return {"seed": seed, "imitation.seed": self.imitation.seed + IMITATION_SEED_STEP * seed}

    @model_validator(mode="after")
    def _groups_are_equal(self) -> "RunConfig":
        if self.rows % self.group:
            raise ValueError(f"group must divide rows {self.rows}, got {self.group}")
        if self.group > 1 and self.algorithm not in ON_POLICY:
            raise ValueError(
                f"groups fork at the start of a rollout, which algorithm {self.algorithm!r} does not have; leave group "
                f"out, or choose one of {list(ON_POLICY)}"
            )
        return self


READER: Final = SettingsReader("configuration", RunConfig, ConfigError)


def read_config(source: str | Path | Mapping[str, Any], changes: Mapping[str, Any] | None = None) -> RunConfig:
    """The configuration in a YAML file or a mapping, with `changes` by dotted path, as in {"policy.width": 64}.

    Where `codec.settings.base` names a policy, its parameters take the place of the name. Raises ConfigError for a
    missing file, an unknown key and every broken rule.
    """
    config = READER.validate(*_raw(source), changes)
    base = config.codec.settings.get("base")
    if not isinstance(base, str):
        return config
    from agents.base_parameters import base_numbers  # loads environments and policies

    settings = config.codec.settings | {"base": base_numbers(base, config)}
    return config.model_copy(update={"codec": config.codec.model_copy(update={"settings": settings})})


def _raw(source: str | Path | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Label and data of a source."""
    if isinstance(source, Mapping):
        return "given as a mapping", source
    if not is_file(source):
        raise ConfigError(f"there is no configuration file {quoted(str(source))}; recipes are in configs/agents")
    return str(source), READER.read(source)


def write_config(config: RunConfig, path: Path) -> None:
    """Writes the configuration with every default."""
    write_text(path, dump_yaml(config.model_dump(mode="json")))
