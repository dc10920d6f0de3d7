"""The sections of a scenario file: small frozen records that validate themselves. All quantities are SI."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from edge_llm_gym.models.hardware import Hardware, hardware, pool
from edge_llm_gym.models.llm import ModelShape, model_shape
from edge_llm_gym.models.quantization import Quantization, quantization

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Index = Annotated[int, Field(ge=0)]


class Section(BaseModel):
    """Base of every section: frozen, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def ascending(pair: tuple[float, float]) -> tuple[float, float]:
    """The pair itself; raises ValueError where a range runs downwards."""
    if pair[0] > pair[1]:
        raise ValueError(f"a range is [low, high] with low <= high, got {list(pair)}")
    return pair


class ModelSection(Section):
    """A decoder-only transformer of one's own; the shipped ones go by name instead."""

    name: str = "own"
    layers: Count
    d_model: Count
    heads: Count
    kv_heads: Count
    d_ff: Count
    gated: bool = False
    vocabulary: Count
    tied_head: bool = True

    @model_validator(mode="after")
    def _shape_is_sound(self) -> "ModelSection":
        self.shape()
        return self

    def shape(self) -> ModelShape:
        """The shape as the cost model takes it."""
        return ModelShape(**self.model_dump())


class SlowdownSection(Section):
    """A node computes slower for a while: each of its services takes `factor` times as long.

    It holds for the requests that arrive in the epochs that begin from `from_s` on and before `until_s`, if that is
    given.
    """

    from_s: NonNegative
    until_s: Positive | None = None
    factor: Annotated[float, Field(ge=1, le=1000)]

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "SlowdownSection":
        if self.until_s is not None and self.until_s <= self.from_s:
            raise ValueError(
                f"a slowdown must end after it begins, got from_s {self.from_s:g} and until_s {self.until_s:g}; leave "
                f"until_s out if it lasts"
            )
        return self


class NodeSection(Section):
    """One node: base station and server in one.

    `usable_flops_fraction` is the share of peak FLOP/s that inference reaches; `memory_fraction` the share of the
    memory that weights and KV caches may fill; `count` makes a pool of identical devices act as one. `uplink_hz` and
    `downlink_hz` are the radio bands, 0 at a node that no device reaches. `blocks` is the range [first, last] of the
    model's blocks that the node hosts, counted from 0; left out, it hosts the whole model. `slowdown` is a time in
    which it computes slower, in streaming dynamics only.
    """

    name: str
    hardware: str
    count: Count = 1
    usable_flops_fraction: Fraction = 0.5
    memory_fraction: Fraction = 0.9
    quantization: str = "fp16"
    perplexity: tuple[Positive, Positive] | None = None
    compute_scale: Positive | None = None
    position_m: tuple[float, float]
    uplink_hz: NonNegative = 0.0
    downlink_hz: NonNegative = 0.0
    transmit_power_dbm: float = 38.0
    blocks: tuple[Index, Index] | None = None
    slowdown: SlowdownSection | None = None

    @field_validator("hardware")
    @classmethod
    def _hardware_is_known(cls, value: str) -> str:
        hardware(value)
        return value

    def device(self) -> Hardware:
        """The hardware row, pooled `count` times."""
        return pool(hardware(self.hardware), self.count)

    @property
    def usable_bytes(self) -> float:
        """Memory that weights and KV caches may fill."""
        return self.device().memory_bytes * self.memory_fraction

    def method(self, model: str) -> Quantization:
        """The quantisation of `model` on this node, with the node's own perplexities and compute scale if given."""
        return quantization(model, self.quantization, self.perplexity, self.compute_scale)


class DevicesSection(Section):
    """User devices, placed uniformly over the rectangle [0, x] x [0, y] anew in every episode."""

    count: Annotated[int, Field(ge=1, le=10_000)] = 20
    area_m: tuple[Positive, Positive] = (1000.0, 1000.0)
    transmit_power_dbm: float = 23.0


class ChannelSection(Section):
    """Path loss, log-normal shadowing and autoregressive Rayleigh fading of every device-node link.

    The fading correlation over one epoch is `correlation` where given, else J0(2 pi doppler_hz epoch_s). The spectral
    efficiency lies between a floor (the lowest modulation and code, with repetition) and a cap (the highest).
    """

    path_loss: str = "umi-nlos"
    carrier_hz: Positive = 3.5e9
    shadowing_db: NonNegative = 7.8
    doppler_hz: NonNegative = 0.1
    correlation: Annotated[float, Field(ge=-1, le=1)] | None = None
    uplink_noise_figure_db: NonNegative = 5.0
    downlink_noise_figure_db: NonNegative = 9.0
    spectral_efficiency_floor: NonNegative = 0.0
    spectral_efficiency_cap: Positive = 7.4


class PayloadSection(Section):
    """Bits beside the text (an image, say): with `probability`, uniform over `bits`."""

    probability: Probability = 0.0
    bits: tuple[NonNegative, NonNegative] = (0.0, 0.0)

    _bits_ascend = field_validator("bits")(ascending)


class RequestsSection(Section):
    """What a request carries beside its token counts.

    Latency budget tau = uniform over `budget_s` + `budget_per_output_token_s` * output tokens; accuracy demand and
    value uniform over their ranges.
    """

    budget_s: tuple[Positive, Positive]
    budget_per_output_token_s: NonNegative = 0.0
    accuracy: tuple[Probability, Probability] = (0.0, 0.0)
    value: tuple[NonNegative, Positive] = (1.0, 1.0)
    bits_per_token: NonNegative = 32.0
    uplink_payload: PayloadSection = PayloadSection()
    downlink_payload: PayloadSection = PayloadSection()

    _ranges_ascend = field_validator("budget_s", "accuracy", "value")(ascending)


class DriftSection(Section):
    """The mix of requests swings between easy and hard ones, as a sine over `period_s`.

    At the difficulty_shift's height c = depth * sin(2 pi (t / period_s + phase)) a request of difficulty u in (0, 1) is
    1 + c (2 u - 1) times as likely as on average: over whole periods every row of the profile is equally likely.
    `phase` is the share of the period that lies behind an episode's start; random when left out.
    """

    period_s: Positive
    depth: Probability
    phase: Annotated[float, Field(ge=0, lt=1)] | None = None


class ExitsSection(Section):
    """The model cut into blocks of consecutive layers with an exit after each, and what is answered at each exit.

    `blocks` gives the layers of each block; `profile` is a shipped exit profile or the path of one. What a node sends
    on is a hidden vector of d_model * `hidden_bits` for each token.
    """

    profile: str
    blocks: Annotated[tuple[Count, ...], Field(min_length=1)]
    hidden_bits: Positive = 16.0
    drift: DriftSection | None = None


class LinkSection(Section):
    """A wired link from one node to another, by name. It carries any number of requests at once, each at its rate."""

    source: str
    target: str
    rate_bps: Positive
    latency_s: NonNegative = 0.0


DynamicsName = Literal["batching", "batching_routing", "streaming"]


def _known_model(value: str) -> str:
    model_shape(value)
    return value


def _model_kind(value: Any) -> str:
    return "preset" if isinstance(value, str) else "shape"


ModelChoice = Annotated[
    Annotated[str, AfterValidator(_known_model), Tag("preset")] | Annotated[ModelSection, Tag("shape")],
    Discriminator(_model_kind),
]
"""The name of a shipped model, or a shape of one's own."""
