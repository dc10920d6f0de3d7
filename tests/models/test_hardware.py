"""Hardware rows: pooling, and refusal of unknown names and impossible numbers."""

import pytest

from edge_llm_gym.models.hardware import HARDWARE, Hardware, hardware, pool


def test_every_key_is_its_rows_name() -> None:
    assert all(name == device.name for name, device in HARDWARE.items())


def test_a_pool_of_twenty_tx2_adds_up() -> None:
    twenty = pool(hardware("jetson-tx2"), 20)
    assert twenty.name == "20 x jetson-tx2"
    assert twenty.peak_flops == pytest.approx(26.6e12)
    assert twenty.memory_bytes == pytest.approx(160e9)
    assert twenty.memory_bandwidth_bytes_per_s == pytest.approx(1.194e12)


@pytest.mark.parametrize(("count", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_pool_needs_a_whole_number_of_devices(count: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"count .*got {count}"):
        pool(hardware("jetson-tx2"), count)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_numbers_must_be_positive_and_finite(value: float) -> None:
    with pytest.raises(ValueError, match="memory_bytes must be positive and finite"):
        Hardware("odd", 1.0, value, 1.0, 0.0, 1.0)


def test_a_busy_device_takes_no_less_power_than_an_idle_one() -> None:
    with pytest.raises(ValueError, match=r"busy_w must be at least idle_w, got 1\.0 and 2\.0"):
        Hardware("odd", 1.0, 1.0, 1.0, idle_w=2.0, busy_w=1.0)


def test_unknown_hardware_suggests_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"unknown hardware 'jetson-tx3'.*did you mean 'jetson-tx2'"):
        hardware("jetson-tx3")
