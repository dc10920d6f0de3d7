"""Physical quantities of scenarios, catalogue rows and hardware profiles: their units and the range of each.

The ranges hold whatever a real or a hypothetical system could have. They exclude numbers in another unit, and numbers
whose products and quotients overflow: no sum of delays, costs or energies of an episode reaches 1e200.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Range:
    """Annotation of a number: a quantity in `unit` from `low` to `high`; with `or_zero`, 0 too.

    A number outside is refused with the unit and both limits. So are a truth value and, by the type itself,
    anything that is no number. `hint` shows how a number is written; it ends the message.
    """

    unit: str
    low: float
    high: float
    hint: str = ""
    or_zero: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The schema of the type, between a check for truth values and one of the range."""
        within = core_schema.no_info_after_validator_function(self.require, handler(source))
        return core_schema.no_info_before_validator_function(_refuse_truth_values, within)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema of the type, with the limits and the key `unit`."""
        least = 0.0 if self.or_zero else self.low
        above_zero = {"least_above_zero": self.low} if self.or_zero else {}
        return {**handler(schema), "minimum": least, "maximum": self.high, "unit": self.unit, **above_zero}

    def require(self, value: Any) -> Any:
        """The value itself. Raises ValueError outside the range."""
        if self.low <= value <= self.high or (self.or_zero and value == 0):
            return value
        zero = "0 or " if self.or_zero else ""
        unit, hint = f"is in {self.unit} and " if self.unit else "", f"; {self.hint}" if self.hint else ""
        raise ValueError(f"this number {unit}must be {zero}from {self.low:g} to {self.high:g}{hint}")


def _refuse_truth_values(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number is expected, not a truth value; write the number")
    return value


Name = Annotated[str, StringConstraints(max_length=200)]
"""A name in tables and messages."""
Seconds = Annotated[float, Range("s", 0.0, 1e9, "2 ms are written 2.0e-3")]
"""A point in time or a delay."""
EpochSeconds = Annotated[float, Range("s", 1e-3, 1e6, "500 ms are written 0.5")]
SlotSeconds = Annotated[float, Range("s", 1e-6, 1e6, "400 ms are written 0.4", or_zero=True)]
PeriodSeconds = Annotated[float, Range("s", 1e-3, 1e9, "a day is written 86400.0")]
BudgetSeconds = Annotated[float, Range("s", 1e-6, 1e9, "500 ms are written 0.5")]
LinkSeconds = Annotated[float, Range("s", 0.0, 1e4, "2 ms are written 2.0e-3")]
StepOverheadSeconds = Annotated[float, Range("s", 0.0, 0.1, "2 ms are written 2.0e-3")]
PrefillOverheadSeconds = Annotated[float, Range("s", 0.0, 5.0, "12 ms are written 12.0e-3")]
FittedSeconds = Annotated[float, Range("s", 0.0, 1e3, "5 ms are written 5.0e-3")]
IterationSeconds = Annotated[float, Range("s", 1e-9, 1e3, "5 ms are written 5.0e-3")]
SecondsPerToken = Annotated[float, Range("s/token", 0.0, 1e6, "30 ms are written 0.03")]
SecondsPerFlop = Annotated[float, Range("s/FLOP", 1e-24, 1e-3, "the inverse of 1 PFLOP/s is written 1.0e-15")]
RatePerSecond = Annotated[float, Range("1/s", 1e-6, 1e7, "one request in a minute is written 0.0167")]
Bandwidth = Annotated[float, Range("Hz", 1e3, 1e12, "20 MHz are written 20.0e+6", or_zero=True)]
Carrier = Annotated[float, Range("Hz", 1e6, 1e12, "3.5 GHz are written 3.5e+9")]
Doppler = Annotated[float, Range("Hz", 0.0, 1e6)]
LinkRate = Annotated[float, Range("bit/s", 1.0, 1e15, "1 Gbit/s is written 1.0e+9")]
BitsPerToken = Annotated[float, Range("bit/token", 0.0, 1e9)]
PayloadBits = Annotated[float, Range("bit", 0.0, 1e13, "1 MB is written 8.0e+6")]
ElementBits = Annotated[float, Range("bit", 0.1, 64.0)]
HiddenBits = Annotated[float, Range("bit", 0.01, 1e3)]
Decibels = Annotated[float, Range("dB", 0.0, 30.0)]
PowerDbm = Annotated[float, Range("dBm", -100.0, 90.0, "0.2 W are written 23.0")]
SpectralEfficiency = Annotated[float, Range("bit/s/Hz", 1e-3, 100.0)]
LowestSpectralEfficiency = Annotated[float, Range("bit/s/Hz", 1e-6, 100.0, or_zero=True)]
Metres = Annotated[float, Range("m", -1e7, 1e7, "1 km is written 1000.0")]
SideMetres = Annotated[float, Range("m", 0.1, 1e7, "1 km is written 1000.0")]
Flops = Annotated[float, Range("FLOP/s", 1e9, 1e18, "17 TFLOP/s are written 17.0e+12")]
MemoryBytes = Annotated[float, Range("bytes", 1e8, 1e15, "8 GB are written 8.0e+9")]
MemoryBandwidth = Annotated[float, Range("bytes/s", 1e8, 1e16, "100 GB/s are written 100.0e+9")]
IdleWatt = Annotated[float, Range("W", 0.0, 1e5, "30 mW are written 0.03")]
BusyWatt = Annotated[float, Range("W", 0.1, 1e5, "1.5 kW are written 1500.0")]
Tokens = Annotated[int, Range("tokens", 1, 10_000_000)]
MeanTokens = Annotated[float, Range("tokens", 0.01, 1e7)]
Variation = Annotated[float, Range("", 1e-3, 50.0)]
"""A coefficient of variation."""
LogDeviation = Annotated[float, Range("", 0.0, 10.0)]
"""A standard deviation of a logarithm."""
Share = Annotated[float, Range("", 1e-6, 1.0, "80 % are written 0.8")]
Probability = Annotated[float, Range("", 0.0, 1.0, "80 % are written 0.8")]
Correlation = Annotated[float, Range("", -1.0, 1.0)]
Phase = Annotated[float, Range("", 0.0, 1.0, "half a period is written 0.5"), Field(lt=1)]
Scale = Annotated[float, Range("", 1e-3, 1e3)]
"""A factor."""
Slowdown = Annotated[float, Range("", 1.0, 1e3)]
Perplexity = Annotated[float, Range("", 1e-3, 1e9)]
Value = Annotated[float, Range("", 0.0, 1e9)]
LargestValue = Annotated[float, Range("", 1e-9, 1e9)]
Weight = Annotated[float, Range("", -1e12, 1e12)]
"""A weight of the reward."""
ErrorShare = Annotated[float, Range("", 0.0, 1e6)]
Index = Annotated[int, Range("", 0, 10_000)]
Layers = Annotated[int, Range("layers", 1, 10_000)]
Dimension = Annotated[int, Range("elements", 1, 10_000_000)]
Vocabulary = Annotated[int, Range("tokens", 1, 1_000_000_000)]
Parameters = Annotated[float, Range("parameters", 1.0, 1e18)]
Count = Annotated[int, Range("", 1, 1_000_000)]
Epochs = Annotated[int, Range("epochs", 1, 100_000)]
Devices = Annotated[int, Range("devices", 1, 10_000)]
Slots = Annotated[int, Range("requests", 1, 1024)]
