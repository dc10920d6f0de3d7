"""The sections of a scenario file: small frozen records that validate themselves. All quantities are in SI units.

The docstring of every field is its description in the schema, from which the scenario reference is generated.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from edge_llm_gym.models.catalogue import HardwareSection, ModelSection, QuantizationSection
from edge_llm_gym.models.channel import SHADOWING_DB
from edge_llm_gym.models.cost_models import FittedTimes
from edge_llm_gym.models.hardware import Hardware, hardware, pool
from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.models.llm import model_shape
from edge_llm_gym.models.quantization import Quantization, quantization, quantization_method
from edge_llm_gym.names import known_name
from edge_llm_gym.quantities import (
    Bandwidth,
    BitsPerToken,
    BudgetSeconds,
    Carrier,
    Correlation,
    Count,
    Decibels,
    Devices,
    Doppler,
    HiddenBits,
    Index,
    LargestValue,
    Layers,
    LinkRate,
    LinkSeconds,
    LowestSpectralEfficiency,
    Metres,
    Name,
    PayloadBits,
    Perplexity,
    Phase,
    PowerDbm,
    PrefillOverheadSeconds,
    Probability,
    Scale,
    Seconds,
    SecondsPerToken,
    Share,
    SideMetres,
    Slowdown,
    SpectralEfficiency,
    StepOverheadSeconds,
    Value,
)
from edge_llm_gym.ranges import DecibelsOrRange, DepthOrRange, PeriodOrRange, ascending, mean_of

MAX_BLOCKS: Final = 127
"""Blocks of a model: logs hold 1 + block as int8."""


class Section(BaseModel):
    """Base of every section: frozen, finite numbers only, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def _row_kind(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<mapping>"


def _checked(check: Callable[[Any], Any]) -> AfterValidator:
    """Refuses a value for which `check` raises ValueError."""

    def validate(value: Any) -> Any:
        check(value)
        return value

    return AfterValidator(validate)


ModelChoice = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[ModelSection, Tag("<mapping>")],
    Discriminator(_row_kind),
    _checked(model_shape),
]
HardwareChoice = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[HardwareSection, Tag("<mapping>")],
    Discriminator(_row_kind),
    _checked(hardware),
]
QuantizationChoice = Annotated[
    Annotated[str, Tag("<name>")] | Annotated[QuantizationSection, Tag("<mapping>")],
    Discriminator(_row_kind),
    _checked(quantization_method),
]


class SlowdownSection(Section):
    """A temporary slowdown of a node, which multiplies each of its service times with a factor.

    It applies to the requests that arrive in epochs which start in [`from_s`, `until_s`).
    """

    from_s: Seconds
    """Start of the slowdown in s."""
    until_s: Seconds | None = None
    """End of the slowdown in s; none means that it lasts until the episode ends."""
    factor: Slowdown
    """Factor on the service times."""

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "SlowdownSection":
        if self.until_s is not None and self.until_s <= self.from_s:
            raise ValueError(
                f"a slowdown must end after it begins, got from_s {self.from_s:g} and until_s {self.until_s:g}; leave "
                f"until_s out if it lasts"
            )
        return self


EFFICIENCY_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "usable_flops_fraction": "flops_fraction",
        "usable_bandwidth_fraction": "bandwidth_fraction",
        "step_overhead_s": "step_overhead_s",
        "prefill_overhead_s": "prefill_overhead_s",
    }
)
"""Key of a node -> the field of `Hardware` that it replaces."""


class NodeSection(Section):
    """One node: base station and server in one."""

    name: Name
    """Name of the node, different from those of all other nodes."""
    hardware: HardwareChoice
    """Name of a shipped device, a device of one's own as a mapping, or the path of a file that holds one."""
    count: Count = 1
    """Number of identical devices that act as one, with summed FLOP/s, bandwidth and memory."""
    usable_flops_fraction: Share | None = None
    """Share of the peak FLOP/s that prefills reach, instead of the device's own."""
    usable_bandwidth_fraction: Share | None = None
    """Share of the memory bandwidth that decode steps reach, instead of the device's own."""
    step_overhead_s: StepOverheadSeconds | None = None
    """Overhead of each decode step of the whole model in s, instead of the device's own."""
    prefill_overhead_s: PrefillOverheadSeconds | None = None
    """Overhead of each prefill of the whole model in s, instead of the device's own."""
    hardware_profile: str | None = None
    """Times of this node for cost: measured: name of a shipped hardware profile, or path of a file that holds
    one."""
    memory_fraction: Share = 0.9
    """Share of the memory that weights and KV caches may fill."""
    quantization: QuantizationChoice = "fp16"
    """Name of a shipped quantisation method, one of one's own as a mapping, or the path of a file that holds one."""
    perplexity: tuple[Perplexity, Perplexity] | None = None
    """Perplexity [before, after] quantisation, instead of the shipped values of the method."""
    compute_scale: Scale | None = None
    """Factor on the computing time, instead of the shipped value of the method."""
    position_m: tuple[Metres, Metres]
    """Position [x, y] in m."""
    uplink_hz: Bandwidth = 0.0
    """Uplink bandwidth in Hz; 0 for a node that devices do not reach by radio."""
    downlink_hz: Bandwidth = 0.0
    """Downlink bandwidth in Hz; 0 for a node that devices do not reach by radio."""
    transmit_power_dbm: PowerDbm = 38.0
    """Transmit power in dBm."""
    blocks: tuple[Index, Index] | None = None
    """Range [first, last] of the hosted blocks of the model, counted from 0; the whole model by default."""
    slowdown: SlowdownSection | None = None
    """A temporary slowdown; streaming dynamics only."""

    def device(self) -> Hardware:
        """The hardware device, pooled `count` times, with the node's own efficiencies where they are given."""
        return replace(pool(hardware(self.hardware), self.count), **self.own_efficiencies())

    def own_efficiencies(self) -> dict[str, Any]:
        """Efficiencies that the node sets, by field of `Hardware`."""
        given = {field: getattr(self, key) for key, field in EFFICIENCY_FIELDS.items()}
        return {field: value for field, value in given.items() if value is not None}

    def measured_times(self, model: str) -> FittedTimes | None:
        """Fitted times of the model in the node's hardware profile; None without a profile.

        Raises ValueError if the profile has no row for the model and the node's quantisation, FileNotFoundError for a
        missing file.
        """
        if self.hardware_profile is None:
            return None
        method = self.method(model)
        return hardware_profile(self.hardware_profile).row(model, method.weight_bits, method.kv_bits).times()

    @property
    def quantization_name(self) -> str:
        """Name of the quantisation method."""
        return self.quantization if isinstance(self.quantization, str) else self.quantization.name

    @property
    def usable_bytes(self) -> float:
        """Memory in bytes that weights and KV caches may fill."""
        return self.device().memory_bytes * self.memory_fraction

    def method(self, model: str) -> Quantization:
        """The quantisation of `model` on this node, with the node's own perplexities and compute scale if given."""
        return quantization(model, self.quantization, self.perplexity, self.compute_scale)


class DevicesSection(Section):
    """User devices, at uniformly random positions that are drawn anew for every episode."""

    count: Devices = 20
    """Number of devices."""
    area_m: tuple[SideMetres, SideMetres] = (1000.0, 1000.0)
    """Size [x, y] in m of the rectangle from the origin in which the devices are placed."""
    transmit_power_dbm: PowerDbm = 23.0
    """Transmit power of each device in dBm."""


class ChannelSection(Section):
    """Path loss, log-normal shadowing and autoregressive Rayleigh fading of every link between a device and a node."""

    path_loss: str = "umi-nlos"
    """Name of the path-loss model."""
    carrier_hz: Carrier = 3.5e9
    """Carrier frequency in Hz."""
    shadowing_db: DecibelsOrRange | None = None
    """Standard deviation of the log-normal shadowing in dB, or a range from which every episode draws its own; that of
    the path-loss law by default."""
    shadowing_correlation: Probability = 0.5
    """Correlation of a device's shadowing between nodes at different positions."""
    doppler_hz: Doppler | None = None
    """Maximum Doppler shift f_D in Hz; fading has the correlation J0(2 pi f_D epoch_s). 0.1 / epoch_s by default."""
    correlation: Correlation | None = None
    """Fading correlation over one epoch, instead of the one that follows from `doppler_hz`; 0 for fast devices."""
    uplink_noise_figure_db: Decibels = 5.0
    """Noise figure of the nodes in dB."""
    downlink_noise_figure_db: Decibels = 9.0
    """Noise figure of the devices in dB."""
    spectral_efficiency_floor: LowestSpectralEfficiency = 0.0
    """Lowest spectral efficiency in bit/s/Hz, that of the most robust modulation and code, with repetition."""
    spectral_efficiency_cap: SpectralEfficiency = 7.4
    """Highest spectral efficiency in bit/s/Hz, that of the fastest modulation and code."""

    @model_validator(mode="after")
    def _floor_is_below_the_cap(self) -> "ChannelSection":
        if self.spectral_efficiency_floor > self.spectral_efficiency_cap:
            raise ValueError(
                f"spectral_efficiency_floor must be at most spectral_efficiency_cap, got "
                f"{self.spectral_efficiency_floor:g} and {self.spectral_efficiency_cap:g} bit/s/Hz; lower the floor"
            )
        return self

    @property
    def shadowing_deviation_db(self) -> float:
        """Standard deviation of the shadowing in dB, of a range the mean. Raises ValueError for an unknown law."""
        law = known_name("path loss", self.path_loss, SHADOWING_DB)
        return SHADOWING_DB[law] if self.shadowing_db is None else mean_of(self.shadowing_db)


class PayloadSection(Section):
    """A random payload beside the text, such as an image."""

    probability: Probability = 0.0
    """Probability that a request has the payload."""
    bits: tuple[PayloadBits, PayloadBits] = (0.0, 0.0)
    """Range of the uniformly distributed size in bits."""

    _bits_ascend = field_validator("bits")(ascending)


class RequestsSection(Section):
    """Random properties of a request beside its token counts."""

    budget_s: tuple[BudgetSeconds, BudgetSeconds]
    """Range of the uniformly distributed part of the latency budget, in s."""
    budget_per_output_token_s: SecondsPerToken = 0.0
    """Part of the latency budget per output token, in s."""
    accuracy: tuple[Probability, Probability] = (0.0, 0.0)
    """Range of the uniformly distributed quality demand."""
    value: tuple[Value, LargestValue] = (1.0, 1.0)
    """Range of the uniformly distributed value."""
    bits_per_token: BitsPerToken = 32.0
    """Size of a token on radio and wired links, in bits."""
    uplink_payload: PayloadSection = PayloadSection()
    """Payload of the prompt."""
    downlink_payload: PayloadSection = PayloadSection()
    """Payload of the answer."""

    _ranges_ascend = field_validator("budget_s", "accuracy", "value")(ascending)


class DriftSection(Section):
    """A difficulty mix that drifts between easy and hard requests, as a sine.

    At time t the shift is c = depth * sin(2 pi (t / period_s + phase)), and a request of difficulty u in (0, 1) is
    1 + c (2 u - 1) times as likely as on average. Over whole periods every row of the exit profile is equally likely.
    """

    period_s: PeriodOrRange
    """Period in s, or a range from which every episode draws its own."""
    depth: DepthOrRange
    """Amplitude of the difficulty shift, or a range from which every episode draws its own."""
    phase: Phase | None = None
    """Phase at the start of an episode, as a share of the period; random by default."""


class ExitsSection(Section):
    """The model as blocks of consecutive layers, with an early exit after each."""

    profile: str
    """Name of a shipped exit profile, or the path of one: confidence and correctness at each exit."""
    blocks: Annotated[tuple[Layers, ...], Field(min_length=1, max_length=MAX_BLOCKS)]
    """Number of layers of each block."""
    hidden_bits: HiddenBits = 16.0
    """Bits per element of the hidden vectors that a node forwards: d_model * hidden_bits per token."""
    drift: DriftSection | None = None
    """Drift of the difficulty mix; none means that all rows of the profile are always equally likely."""


class LinkSection(Section):
    """A wired link between two nodes. Each request has the full rate, whatever the number of requests on the link."""

    source: str
    """Name of the sending node."""
    target: str
    """Name of the receiving node, in the next stage."""
    rate_bps: LinkRate
    """Rate in bit/s."""
    latency_s: LinkSeconds = 0.0
    """Latency in s."""


DynamicsName = Literal["batching", "batching_routing", "streaming"]
BatchingName = Literal["static", "continuous"]
