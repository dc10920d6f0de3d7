"""The shipped catalogues: sources, derived numbers against published ones, and validation of rows."""

import inspect
from dataclasses import replace

import pytest
from pydantic import ValidationError

from edge_llm_gym.models.catalogue import (
    HardwareSection,
    LazyMapping,
    ModelSection,
    QuantizationSection,
    hardware_rows,
    model_rows,
    quantization_rows,
)
from edge_llm_gym.models.catalogue.shipped import _with_class
from edge_llm_gym.models.cost import kv_bytes_per_token, layer_prefill_flops
from edge_llm_gym.models.cost_models import ModelPart, NodeRates, cost_model
from edge_llm_gym.models.hardware import HARDWARE, hardware
from edge_llm_gym.models.llm import MODELS, model_shape
from edge_llm_gym.models.quantization import METHODS, quantization_method
from tests.models.published_rates import RATES, Rate

FITTED = {("bandwidth_fraction", name) for name in ("jetson-orin-nano-super", "jetson-agx-orin", "nvidia-a100-80gb")}
FITTED |= {("bandwidth_fraction", "nvidia-h100-sxm"), ("flops_fraction", "nvidia-h100-sxm")}
"""Efficiencies that come from rates at several precisions, or from timings of our own, not from `published_rates`."""
ROWS = [*hardware_rows().values(), *model_rows().values(), *quantization_rows().values()]
DEVICE = {
    "peak_flops": 17e12,
    "memory_bytes": 8e9,
    "memory_bandwidth_bytes_per_s": 100e9,
    "idle_w": 5.0,
    "busy_w": 25.0,
}
SHAPE = {"layers": 2, "d_model": 64, "heads": 4, "kv_heads": 2, "d_ff": 128, "vocabulary": 100}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_has_a_source(row):
    assert len(row.source) > 4


def test_the_mappings_hold_every_row_under_its_name():
    for mapping, rows in ((HARDWARE, hardware_rows()), (MODELS, model_rows()), (METHODS, quantization_rows())):
        assert list(mapping) == list(rows)
        assert all(mapping[name].name == name for name in rows)
    assert {"nvidia-l4", "jetson-agx-thor", "apple-m4-max", "raspberry-pi-5", "amd-epyc-9654"} <= set(HARDWARE)


@pytest.mark.parametrize("name", list(model_rows()))
def test_parameters_are_those_that_the_publisher_states(name):
    # Norms, biases and learned positions are neglected; the largest share of them is 0.3 % (opt-1.3b).
    assert model_shape(name).parameters == pytest.approx(model_rows()[name].published_parameters, rel=0.01)


@pytest.mark.parametrize(
    ("name", "kv_bytes"),
    [
        ("qwen3-0.6b", 114_688),  # 28 layers x 8 heads x 128 x K and V x 2 bytes: d_model is 1024, not 16 x 128
        ("llama-3.1-8b", 131_072),
        ("llama-2-7b", 524_288),
        ("gemma-3-1b", 26 * 256 * 2 * 2),
        ("phi-3.5-mini", 393_216),
        ("opt-13b", 819_200),
    ],
)
def test_kv_bytes_per_token_in_fp16(name, kv_bytes):
    assert kv_bytes_per_token(model_shape(name), 16) == kv_bytes


def test_small_models_with_wide_heads_have_their_published_size():
    assert model_shape("qwen3-0.6b").parameters / 1e9 == pytest.approx(0.596, abs=5e-4)
    narrow = replace(model_shape("qwen3-0.6b"), head_dim=64)  # what d_model / heads would give
    assert narrow.parameters / 1e9 == pytest.approx(0.508, abs=5e-4)


def predicted(rate: Rate) -> tuple[float, float]:
    """Decode and prompt tokens per s of one sequence that the cost model `roofline` predicts."""
    device, shape, method = HARDWARE[rate.device], model_shape(rate.model), quantization_method(rate.method)
    part = ModelPart(shape, shape.layers, True, method.weight_bits, method.kv_bits, method.table_bits)
    rates = NodeRates(
        usable_flops=device.peak_flops * rate.peak_share * device.flops_fraction,
        usable_bandwidth=device.memory_bandwidth_bytes_per_s * device.bandwidth_fraction,
        compute_scale=method.compute_scale,
        step_overhead_s=device.step_overhead_s,
        prefill_overhead_s=device.prefill_overhead_s,
    )
    law = cost_model("roofline")(rates, part)
    prefill_s = law.p0_s + law.p1_s_per_layer_flop * float(layer_prefill_flops(shape, rate.prompt))
    return 1 / law.step_s(1, rate.output / 2), rate.prompt / prefill_s


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{rate.device} {rate.model}")
def test_efficiencies_reproduce_the_published_rates(rate):
    decode_per_s, prompt_per_s = predicted(rate)
    if rate.decode_per_s is not None:
        assert decode_per_s == pytest.approx(rate.decode_per_s, rel=0.015)
    if rate.prompt_per_s is not None:
        assert prompt_per_s == pytest.approx(rate.prompt_per_s, rel=0.015)


def test_efficiencies_without_published_rates_are_marked_as_assumed():
    with_rates = FITTED | {("bandwidth_fraction", rate.device) for rate in RATES if rate.decode_per_s is not None}
    with_rates |= {("flops_fraction", rate.device) for rate in RATES if rate.prompt_per_s is not None}
    for name, row in hardware_rows().items():
        for key in ("flops_fraction", "bandwidth_fraction"):
            assert (key in row.assumed) != ((key, name) in with_rates), (name, key)


def test_a_row_takes_what_it_lacks_from_its_class_and_says_so():
    classes = {"card": {"flops_fraction": 0.5, "bandwidth_fraction": 0.7}}
    row = _with_class({"class": "card", "bandwidth_fraction": 0.9, "assumed": ["idle_w"]}, classes)
    assert row == {"flops_fraction": 0.5, "bandwidth_fraction": 0.9, "assumed": ["idle_w", "flops_fraction"]}
    assert _with_class({"idle_w": 1.0}, classes) == {"idle_w": 1.0, "assumed": []}


def test_a_lazy_mapping_loads_once_and_on_use():
    calls = []
    mapping = LazyMapping(lambda: calls.append(1) or {"a": 1})
    assert calls == []
    assert (list(mapping), len(mapping), mapping["a"], "b" in mapping) == (["a"], 1, 1, False)
    assert calls == [1]


def test_a_row_of_ones_own_becomes_a_device_and_a_shape():
    device = hardware(HardwareSection(name="mine", **DEVICE, bandwidth_fraction=0.6))
    assert (device.name, device.peak_flops, device.bandwidth_fraction, device.busy_w) == ("mine", 17e12, 0.6, 25.0)
    shape = model_shape(ModelSection(name="own", **SHAPE, head_dim=32))
    assert (shape.query_dim, shape.kv_dim) == (128, 64)
    assert model_shape(ModelSection(**SHAPE)).head_dim == 16


@pytest.mark.parametrize(
    ("section", "data", "message"),
    [
        (HardwareSection, DEVICE | {"peak_flops": 17.0}, "in FLOP/s and must be from 1e.09 .* 17 TFLOP/s are written"),
        (HardwareSection, DEVICE | {"memory_bytes": 8.0}, "in bytes .*8 GB are written 8.0e"),
        (HardwareSection, DEVICE | {"memory_bandwidth_bytes_per_s": 102.4}, "in bytes/s .*100 GB/s are written"),
        (HardwareSection, DEVICE | {"step_overhead_s": 2.0}, "in s .*2 ms are written"),
        (HardwareSection, DEVICE | {"prefill_overhead_s": 12.0}, "in s .*12 ms are written"),
        (HardwareSection, DEVICE | {"busy_w": 0.0}, "in W .*from 0.1"),
        (HardwareSection, DEVICE | {"idle_w": -1.0}, "in W .*from 0 "),
        (HardwareSection, DEVICE | {"flops_fraction": 50.0}, "must be from 1e-06 to 1"),
        (HardwareSection, DEVICE | {"memory_gb": 8}, r"unknown key 'memory_gb', got 8; write memory_bytes in bytes"),
        (HardwareSection, DEVICE | {"assumed": ["idle"]}, r"assumed lists keys of this row, got \['idle'\]"),
        (ModelSection, SHAPE | {"hidden_size": 64}, "unknown key 'hidden_size', got 64; write d_model"),
        (QuantizationSection, {"bpw": 4.5}, "write weight_bits"),
        (QuantizationSection, {"weight_bits": 128}, "in bit and must be from 0.1 to 64"),
        (QuantizationSection, {"weight_bits": 4, "perplexity": [6.0]}, "perplexity"),
        (QuantizationSection, {"weight_bits": 4, "perplexity": {"a": [6.0, 0.0]}}, "must be from 0.001"),
    ],
)
def test_faulty_rows_are_refused_with_the_unit_or_the_key(section, data, message):
    with pytest.raises(ValidationError, match=message):
        section.model_validate(data)


def test_the_loader_constructs_no_python_objects():
    import yaml

    from edge_llm_gym.models.catalogue import shipped

    with pytest.raises(yaml.YAMLError):
        yaml.load("!!python/object/apply:os.getcwd []", Loader=shipped.LOADER)
    assert "unsafe" not in inspect.getsource(shipped)
