"""Edge and data-centre accelerators: peak arithmetic, memory size and bandwidth, efficiencies and power."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_llm_gym.models.checks import require_at_least_zero, require_count, require_positive
from edge_llm_gym.names import known_name
from edge_llm_gym.units import GIGA, TERA


@dataclass(frozen=True, slots=True)
class Hardware:
    """One accelerator. Raises ValueError for a number that is not positive and finite, and for busy_w below idle_w."""

    name: str
    peak_flops: float
    """Dense FP16 peak, FLOP/s."""
    memory_bytes: float
    """Memory of the device, decimal gigabytes as in data sheets; on a Jetson it is shared with the CPU."""
    memory_bandwidth_bytes_per_s: float
    idle_w: float
    """Power of the whole device without work, W."""
    busy_w: float
    """Power of the whole device while it computes, W; the data sheet's limit where nothing better is known."""
    flops_fraction: float = 0.5
    """Share of the peak FLOP/s that a prefill reaches."""
    bandwidth_fraction: float = 0.7
    """Share of the memory bandwidth that a decode step reaches."""
    step_overhead_s: float = 0.0
    """Seconds of overhead of each decode step, such as kernel launches."""
    prefill_overhead_s: float = 0.0
    """Seconds of overhead of each prefill."""

    def __post_init__(self) -> None:
        owner = f"Hardware {self.name!r}"
        require_positive(
            owner,
            peak_flops=self.peak_flops,
            memory_bytes=self.memory_bytes,
            memory_bandwidth_bytes_per_s=self.memory_bandwidth_bytes_per_s,
            busy_w=self.busy_w,
            flops_fraction=self.flops_fraction,
            bandwidth_fraction=self.bandwidth_fraction,
        )
        require_at_least_zero(
            owner,
            idle_w=self.idle_w,
            step_overhead_s=self.step_overhead_s,
            prefill_overhead_s=self.prefill_overhead_s,
        )
        if self.busy_w < self.idle_w:
            raise ValueError(
                f"{owner}: busy_w must be at least idle_w, got {self.busy_w!r} and {self.idle_w!r}; give the power of "
                f"the whole device in both"
            )


HARDWARE: Mapping[str, Hardware] = MappingProxyType(
    {
        device.name: device
        for device in (
            Hardware("jetson-tx2", 1.33 * TERA, 8 * GIGA, 59.7 * GIGA, idle_w=5, busy_w=15),
            Hardware("jetson-orin-nano-super", 17 * TERA, 8 * GIGA, 102 * GIGA, idle_w=7, busy_w=25),
            Hardware("jetson-agx-orin", 42 * TERA, 64 * GIGA, 204.8 * GIGA, idle_w=15, busy_w=60),
            Hardware("nvidia-l4", 121 * TERA, 24 * GIGA, 300 * GIGA, idle_w=16, busy_w=72),
            Hardware("nvidia-a100-80gb", 312 * TERA, 80 * GIGA, 2000 * GIGA, idle_w=60, busy_w=400),
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

    Arithmetic, memory, bandwidth and power add up: ideal parallelism without communication cost, as the shipped
    scenarios assume. Raises TypeError or ValueError for a count that is not a whole number of at least 1.
    """
    require_count("pool", count=count)
    return replace(
        hardware,
        name=f"{count} x {hardware.name}",
        peak_flops=count * hardware.peak_flops,
        memory_bytes=count * hardware.memory_bytes,
        memory_bandwidth_bytes_per_s=count * hardware.memory_bandwidth_bytes_per_s,
        idle_w=count * hardware.idle_w,
        busy_w=count * hardware.busy_w,
    )
