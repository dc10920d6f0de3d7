"""The scenario: one validated, frozen record of everything that is constant over an episode."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import Field, field_validator, model_validator

from edge_llm_gym.models.channel import PATH_LOSS, fading_correlation
from edge_llm_gym.models.cost import COST_MODELS
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.names import known_name
from edge_llm_gym.sim.metrics import DEFAULT_REWARD, METRIC_NAMES
from edge_llm_gym.sim.network import Network, staged_network
from edge_llm_gym.sim.rules import RULES
from edge_llm_gym.sim.sections import (
    Admission,
    ChannelSection,
    DevicesSection,
    ExitsSection,
    LinkSection,
    ModelChoice,
    NodeSection,
    NonNegative,
    Positive,
    RequestsSection,
    Section,
)
from edge_llm_gym.workload.config import ArrivalsConfig, LengthsConfig

MAX_SLOTS = 1024


class Scenario(Section):
    """Everything that an episode does not change. Loaded by `load_scenario`; sections are documented on their classes.

    `admission` says how requests come to nodes. With "epoch" they are pooled, and each epoch admits some of them in
    batches: `slots` is the number of pending requests that are shown (N), the two slots are the radio's. With "stream"
    each goes its way at its arrival, through the blocks of a model with early `exits` and over `links`. With "staged"
    epochs admit batches to the nodes of the first stage, and who has not left there is forwarded over the links.
    `horizon_epochs` is the length of an episode, and `reward` maps metric names to weights: the reward of an epoch is
    the weighted sum of its metrics.
    """

    name: str
    description: str = ""
    admission: Admission = "epoch"
    horizon_epochs: Annotated[int, Field(ge=1, le=100_000)] = 100
    epoch_s: Positive
    uplink_slot_s: NonNegative = 0.0
    downlink_slot_s: NonNegative = 0.0
    slots: Annotated[int, Field(ge=1, le=MAX_SLOTS)] = 32
    model: ModelChoice
    lm_head: bool = True
    pad_prompts: bool = False
    exits: ExitsSection | None = None
    cost: str = "roofline"
    nodes: Annotated[tuple[NodeSection, ...], Field(min_length=1, max_length=100)]
    links: tuple[LinkSection, ...] = ()
    devices: DevicesSection = DevicesSection()
    channel: ChannelSection = ChannelSection()
    arrivals: ArrivalsConfig
    lengths: LengthsConfig
    requests: RequestsSection
    reward: Annotated[dict[str, float], Field(default_factory=dict, min_length=1)]

    @model_validator(mode="before")
    @classmethod
    def _reward_of_the_admission(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "reward" in data:
            return data
        admission = str(data.get("admission", "epoch"))
        return {**data, "reward": DEFAULT_REWARD[admission]} if admission in DEFAULT_REWARD else data

    @field_validator("cost")
    @classmethod
    def _cost_is_known(cls, value: str) -> str:
        return known_name("cost model", value, COST_MODELS)

    @field_validator("channel")
    @classmethod
    def _path_loss_is_known(cls, value: ChannelSection) -> ChannelSection:
        known_name("path loss", value.path_loss, PATH_LOSS)
        return value

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in RULES[self.admission]:
            rule(self)
        return self

    @property
    def shape(self) -> ModelShape:
        """The whole transformer."""
        return model_shape(self.model) if isinstance(self.model, str) else self.model.shape()

    @property
    def block_layers(self) -> tuple[int, ...]:
        """Layers of each of the E blocks; a model without early exits is one block."""
        return self.exits.blocks if self.exits is not None else (self.shape.layers,)

    @property
    def network(self) -> Network:
        """Who hosts which blocks, and who sends to whom."""
        return staged_network(self.nodes, len(self.block_layers), self.links)

    def hosted_shape(self, node: int) -> ModelShape:
        """What a node hosts of the transformer: some of its layers, with embedding and output head."""
        first, last = self.nodes[node].blocks or (0, len(self.block_layers) - 1)
        return replace(self.shape, layers=sum(self.block_layers[first : last + 1]))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what an epoch leaves behind, in the order of their columns."""
        return METRIC_NAMES[self.admission](len(self.block_layers))

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
