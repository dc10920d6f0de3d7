"""Edge and data-centre accelerators: peak arithmetic, memory size and bandwidth, efficiencies and power."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from edge_llm_gym.models.catalogue import HardwareSection, LazyMapping, hardware_rows
from edge_llm_gym.models.checks import require_at_least_zero, require_count, require_positive
from edge_llm_gym.names import known_name


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


HARDWARE: Mapping[str, Hardware] = LazyMapping(lambda: {name: _device(row) for name, row in hardware_rows().items()})
"""The shipped devices by name: `catalogue/hardware.yaml`."""


def hardware(device: str | HardwareSection) -> Hardware:
    """A shipped device by name, or that of a catalogue row. Raises ValueError with a suggestion for an unknown name."""
    return (
        _device(device) if isinstance(device, HardwareSection) else HARDWARE[known_name("hardware", device, HARDWARE)]
    )


def _device(row: HardwareSection) -> Hardware:
    return Hardware(**{field.name: getattr(row, field.name) for field in fields(Hardware)})


def pool(hardware: Hardware, count: int) -> Hardware:
    """``count`` identical devices that act as one.

    Arithmetic, memory, bandwidth and power add up: ideal parallelism without communication cost, as the shipped
    scenarios assume. Raises TypeError or ValueError for a count that is not a whole number of at least 1.
    """
    require_count("pool", count=count)
    return replace(
        hardware,
        name=hardware.name if count == 1 else f"{count} x {hardware.name}",
        peak_flops=count * hardware.peak_flops,
        memory_bytes=count * hardware.memory_bytes,
        memory_bandwidth_bytes_per_s=count * hardware.memory_bandwidth_bytes_per_s,
        idle_w=count * hardware.idle_w,
        busy_w=count * hardware.busy_w,
    )
