"""The scenario: one validated, frozen record of everything that is constant over an episode."""

from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from edge_llm_gym.models.channel import PATH_LOSS, fading_correlation
from edge_llm_gym.models.cost import COST_MODELS
from edge_llm_gym.models.llm import ModelShape, model_shape, weight_bytes
from edge_llm_gym.names import known_name
from edge_llm_gym.sim.metrics import METRICS
from edge_llm_gym.sim.sections import (
    Admission,
    ChannelSection,
    DevicesSection,
    ModelChoice,
    NodeSection,
    Positive,
    RequestsSection,
    Section,
)
from edge_llm_gym.workload.config import ArrivalsConfig, LengthsConfig

MAX_SLOTS = 1024


class Scenario(Section):
    """Everything that an episode does not change. Loaded by `load_scenario`; sections are documented on their classes.

    `slots` is the number of pending requests that are shown (N), `horizon_epochs` the length of an episode, and
    `reward` maps metric names to weights: the reward of an epoch is the weighted sum of its metrics.
    """

    name: str
    description: str = ""
    admission: Admission = "epoch"
    horizon_epochs: Annotated[int, Field(ge=1, le=100_000)] = 100
    epoch_s: Positive
    uplink_slot_s: Positive
    downlink_slot_s: Positive
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 32
    model: ModelChoice
    lm_head: bool = True
    pad_prompts: bool = False
    cost: str = "roofline"
    nodes: Annotated[tuple[NodeSection, ...], Field(min_length=1, max_length=100)]
    devices: DevicesSection = DevicesSection()
    channel: ChannelSection = ChannelSection()
    arrivals: ArrivalsConfig
    lengths: LengthsConfig
    requests: RequestsSection
    reward: dict[str, float] = Field(default={"served_value": 1.0}, min_length=1)

    @field_validator("cost")
    @classmethod
    def _cost_is_known(cls, value: str) -> str:
        return known_name("cost model", value, COST_MODELS)

    @field_validator("channel")
    @classmethod
    def _path_loss_is_known(cls, value: ChannelSection) -> ChannelSection:
        known_name("path loss", value.path_loss, PATH_LOSS)
        return value

    @field_validator("reward")
    @classmethod
    def _reward_terms_are_metrics(cls, value: dict[str, float]) -> dict[str, float]:
        for term in value:
            known_name("reward term", term, METRICS)
        return value

    @model_validator(mode="after")
    def _slots_fit_the_epoch(self) -> Self:
        radio_s = self.uplink_slot_s + self.downlink_slot_s
        if radio_s >= self.epoch_s:
            raise ValueError(
                f"uplink_slot_s + downlink_slot_s must be shorter than epoch_s, got {radio_s:g} s in an epoch of "
                f"{self.epoch_s:g} s; shorten the slots or lengthen the epoch"
            )
        return self

    @model_validator(mode="after")
    def _weights_fit_every_node(self) -> Self:
        for node in self.nodes:
            needed = weight_bytes(self.shape, node.method(self.shape.name).weight_bits)
            usable = node.device().memory_bytes * node.memory_fraction
            if needed >= usable:
                raise ValueError(
                    f"the weights must fit in the usable memory of every node: {self.shape.name} as "
                    f"{node.quantization} takes {needed / 1e9:.2f} GB, node {node.name!r} has {usable / 1e9:.2f} GB; "
                    f"choose fewer weight bits, a smaller model or a larger node"
                )
        return self

    @model_validator(mode="after")
    def _node_names_differ(self) -> Self:
        names = [node.name for node in self.nodes]
        if len(set(names)) < len(names):
            raise ValueError(f"node names must differ from one another, got {names}")
        return self

    @property
    def shape(self) -> ModelShape:
        """The transformer that every node hosts."""
        return model_shape(self.model) if isinstance(self.model, str) else self.model.shape()

    @property
    def fading_correlation(self) -> float:
        """Correlation of the complex fading gain over one epoch."""
        if self.channel.correlation is not None:
            return self.channel.correlation
        return fading_correlation(self.channel.doppler_hz, self.epoch_s)

    @property
    def max_budget_s(self) -> float:
        """Longest latency budget that a request can have, in s."""
        per_token_s = self.requests.budget_per_output_token_s * self.lengths.max_output_tokens
        return self.requests.budget_s[1] + per_token_s
