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
    layers: Annotated[int, Field(ge=1)]
    d_model: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    kv_heads: Annotated[int, Field(ge=1)]
    d_ff: Annotated[int, Field(ge=1)]
    gated: bool = False
    vocabulary: Annotated[int, Field(ge=1)]
    tied_head: bool = True

    @model_validator(mode="after")
    def _shape_is_sound(self) -> "ModelSection":
        self.shape()
        return self

    def shape(self) -> ModelShape:
        """The shape as the cost model takes it."""
        return ModelShape(**self.model_dump())


class NodeSection(Section):
    """One node: base station and server in one.

    `usable_flops_fraction` is the share of peak FLOP/s that inference reaches; `memory_fraction` the share of the
    memory that weights and KV caches may fill; `count` makes a pool of identical devices act as one.
    """

    name: str
    hardware: str
    count: Annotated[int, Field(ge=1)] = 1
    usable_flops_fraction: Fraction = 0.5
    memory_fraction: Fraction = 0.9
    quantization: str = "fp16"
    perplexity: tuple[Positive, Positive] | None = None
    compute_scale: Positive | None = None
    position_m: tuple[float, float]
    uplink_hz: Positive
    downlink_hz: Positive
    transmit_power_dbm: float = 38.0

    @field_validator("hardware")
    @classmethod
    def _hardware_is_known(cls, value: str) -> str:
        hardware(value)
        return value

    def device(self) -> Hardware:
        """The hardware row, pooled `count` times."""
        return pool(hardware(self.hardware), self.count)

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

    The fading correlation over one epoch is `correlation` where given, else J0(2 pi doppler_hz epoch_s).
    """

    path_loss: str = "umi-nlos"
    carrier_hz: Positive = 3.5e9
    shadowing_db: NonNegative = 7.8
    doppler_hz: NonNegative = 0.1
    correlation: Annotated[float, Field(ge=-1, le=1)] | None = None
    uplink_noise_figure_db: NonNegative = 5.0
    downlink_noise_figure_db: NonNegative = 9.0
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


Admission = Literal["epoch"]


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
