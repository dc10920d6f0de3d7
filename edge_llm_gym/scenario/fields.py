"""The fields of a scenario and what follows from them; `scenario.scenario` adds the rules that span sections."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import Field, field_validator, model_validator

from edge_llm_gym.messages import quoted
from edge_llm_gym.models.channel import fading_correlation, path_loss_db
from edge_llm_gym.models.cost_models import COST_MODELS
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.names import known_name
from edge_llm_gym.quantities import Epochs, EpochSeconds, Name, Slots, SlotSeconds, Weight
from edge_llm_gym.scenario.metrics import DEFAULT_REWARD, METRIC_TABLES, Metric
from edge_llm_gym.scenario.network import Network, staged_network
from edge_llm_gym.scenario.sections import (
    BatchingName,
    ChannelSection,
    DevicesSection,
    DynamicsName,
    ExitsSection,
    LinkSection,
    ModelChoice,
    NodeSection,
    RequestsSection,
    Section,
)
from edge_llm_gym.workload.config import ArrivalsConfig, LengthsConfig

DOPPLER_CYCLES: Final = 0.1
"""Cycles of the default Doppler shift in one epoch: a correlation of J0(0.2 pi) = 0.904 from epoch to epoch."""
OLD_DYNAMICS: Final[Mapping[str, str]] = {"epoch": "batching", "staged": "batching_routing", "stream": "streaming"}
"""Values of the former key `admission` -> values of `dynamics`, for the error message."""


class ScenarioFields(Section):
    """The top level of a scenario file: everything that is constant over an episode.

    With dynamics "batching", requests wait in a queue, and each epoch admits some of them to the batches of nodes that
    host the whole model. With "batching_routing", each epoch admits requests to the batches of first-stage nodes, and
    requests that do not exit there are forwarded over links. With "streaming", each request is routed on arrival
    through the blocks of a model with early exits.
    """

    name: Name
    """Name of the scenario in tables and messages."""
    description: str = ""
    """One sentence about the scenario."""
    dynamics: DynamicsName = "batching"
    """The simulator: "batching", "batching_routing" or "streaming"."""
    batching: BatchingName = "static"
    """How a node computes its requests; batching only. "static": the requests that an epoch admits to a node form one
    batch, which is computed as a whole. "continuous": all admitted requests of a node advance together by one token per
    iteration, join at an iteration boundary and leave at their own last token."""
    horizon_epochs: Epochs = 100
    """Number of epochs (steps) of an episode."""
    epoch_s: EpochSeconds
    """Length of an epoch in s."""
    uplink_slot_s: SlotSeconds = 0.0
    """Length in s of the radio slot in which prompts are sent; batching and batching_routing only."""
    downlink_slot_s: SlotSeconds = 0.0
    """Length in s of the radio slot in which answers are sent; batching and batching_routing only."""
    slots: Slots = 32
    """Number N of pending requests that are observed and can be admitted; batching and batching_routing only."""
    model: ModelChoice
    """Name of a shipped model, the shape of one's own as a mapping, or the path of a file that holds one."""
    lm_head: bool = True
    """Whether the output head counts towards the computing time."""
    pad_prompts: bool = False
    """Whether all prompts are padded to lengths.max_prompt_tokens."""
    exits: ExitsSection | None = None
    """Early exits of the model; batching_routing and streaming only."""
    cost: str = "roofline"
    """Name of the cost model: arithmetic only ("compute"), arithmetic and memory traffic with the efficiencies of the
    devices ("roofline"), or times fitted to timings of the devices ("measured")."""
    nodes: Annotated[tuple[NodeSection, ...], Field(min_length=1, max_length=100)]
    """The nodes; in batching_routing dynamics the nodes of the first stage come first."""
    links: tuple[LinkSection, ...] = ()
    """Wired links from nodes to nodes of the next stage."""
    devices: DevicesSection = DevicesSection()
    """The user devices."""
    channel: ChannelSection = ChannelSection()
    """The radio channel."""
    arrivals: ArrivalsConfig
    """The arrival process."""
    lengths: LengthsConfig
    """The token counts of the requests."""
    requests: RequestsSection
    """The other properties of the requests."""
    reward: Annotated[dict[str, Weight], Field(default_factory=dict, min_length=1)]
    """Metric -> weight; the reward of an epoch is the weighted sum. The default depends on `dynamics`."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_the_former_key(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "admission" in data:
            value = data["admission"]
            dynamics = OLD_DYNAMICS.get(value, "batching") if isinstance(value, str) else "batching"
            raise ValueError(
                f"the key admission is now called dynamics, got admission {quoted(value)}; write dynamics: {dynamics}"
            )
        return data

    @model_validator(mode="before")
    @classmethod
    def _set_the_default_reward(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or "reward" in data:
            return data
        dynamics = data.get("dynamics", "batching")
        known = isinstance(dynamics, str) and dynamics in DEFAULT_REWARD
        return {**data, "reward": DEFAULT_REWARD[dynamics]} if known else data

    @field_validator("cost")
    @classmethod
    def _cost_is_known(cls, value: str) -> str:
        return known_name("cost model", value, COST_MODELS)

    @field_validator("channel")
    @classmethod
    def _path_loss_is_known(cls, value: ChannelSection) -> ChannelSection:
        path_loss_db(value.path_loss, 0.0, value.carrier_hz)  # refuses an unknown law, and a carrier outside its range
        return value

    @cached_property
    def shape(self) -> ModelShape:
        """The whole transformer."""
        return model_shape(self.model)

    @property
    def block_layers(self) -> tuple[int, ...]:
        """Layers of each of the E blocks; a model without early exits is one block."""
        return self.exits.blocks if self.exits is not None else (self.shape.layers,)

    @cached_property
    def network(self) -> Network:
        """Blocks that each node hosts, and the links between nodes. Raises ValueError for an unsound network."""
        return staged_network(self.nodes, len(self.block_layers), self.links)

    def hosted_shape(self, node: int) -> ModelShape:
        """The part of the transformer that a node hosts: some of its layers, with embedding and output head."""
        first, last = self.nodes[node].blocks or (0, len(self.block_layers) - 1)
        return replace(self.shape, layers=sum(self.block_layers[first : last + 1]))

    @property
    def variant(self) -> str:
        """The dynamics, but "continuous_batching" for batching dynamics with `batching: continuous`.

        Tables in which continuous batching has an entry of its own are keyed by the variant, others by `dynamics`.
        """
        return "continuous_batching" if self.batching == "continuous" else self.dynamics

    @cached_property
    def metric_table(self) -> Mapping[str, Metric]:
        """The metrics of an epoch by name, in the order of their columns."""
        return METRIC_TABLES[self.variant](len(self.block_layers))

    @cached_property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics of an epoch, in the order of their columns."""
        return tuple(self.metric_table)

    @property
    def fading_correlation(self) -> float:
        """Correlation of the complex fading gain over one epoch."""
        channel = self.channel
        if channel.correlation is not None:
            return channel.correlation
        doppler_hz = DOPPLER_CYCLES / self.epoch_s if channel.doppler_hz is None else channel.doppler_hz
        return fading_correlation(doppler_hz, self.epoch_s)

    @property
    def max_budget_s(self) -> float:
        """Longest latency budget that a request can have, in s."""
        per_token_s = self.requests.budget_per_output_token_s * self.lengths.max_output_tokens
        return self.requests.budget_s[1] + per_token_s
