"""Edge and data-centre accelerators: peak arithmetic, memory size and memory bandwidth."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from edge_llm_gym.models.checks import require_count, require_positive
from edge_llm_gym.names import known_name
from edge_llm_gym.units import GIGA, TERA


@dataclass(frozen=True, slots=True)
class Hardware:
    """One accelerator. Raises ValueError for a number that is not positive and finite."""

    name: str
    peak_flops: float
    """Dense FP16 peak, FLOP/s."""
    memory_bytes: float
    """Memory of the device, decimal gigabytes as in data sheets; on a Jetson it is shared with the CPU."""
    memory_bandwidth_bytes_per_s: float

    def __post_init__(self) -> None:
        require_positive(
            f"Hardware {self.name!r}",
            peak_flops=self.peak_flops,
            memory_bytes=self.memory_bytes,
            memory_bandwidth_bytes_per_s=self.memory_bandwidth_bytes_per_s,
        )


HARDWARE: Mapping[str, Hardware] = MappingProxyType(
    {
        device.name: device
        for device in (
            Hardware("jetson-tx2", 1.33 * TERA, 8 * GIGA, 59.7 * GIGA),
            Hardware("jetson-orin-nano-super", 17 * TERA, 8 * GIGA, 102 * GIGA),
            Hardware("jetson-agx-orin", 42 * TERA, 64 * GIGA, 204.8 * GIGA),
            Hardware("nvidia-l4", 121 * TERA, 24 * GIGA, 300 * GIGA),
            Hardware("nvidia-a100-80gb", 312 * TERA, 80 * GIGA, 2000 * GIGA),
        )
    }
)
"""Values of data sheets, dense FP16.

NVIDIA states 67 sparse INT8 TOPS for the Orin Nano Super: half of that dense, and a quarter in dense FP16, about
17 TFLOP/s. The GPU of the AGX Orin has 170 sparse INT8 TOPS, about 42 TFLOP/s by the same rule.
"""


def hardware(name: str) -> Hardware:
    """A shipped device by name. Raises ValueError with a suggestion for an unknown one."""
    return HARDWARE[known_name("hardware", name, HARDWARE)]


def pool(hardware: Hardware, count: int) -> Hardware:
    """``count`` identical devices that act as one.

    Arithmetic, memory and bandwidth add up: ideal parallelism without communication cost, as the shipped scenarios
    assume. Raises TypeError or ValueError for a count that is not a whole number of at least 1.
    """
    require_count("pool", count=count)
    return Hardware(
        f"{count} x {hardware.name}",
        count * hardware.peak_flops,
        count * hardware.memory_bytes,
        count * hardware.memory_bandwidth_bytes_per_s,
    )
