"""Scenarios: shipped files are valid, faults are refused with the rule, the value and a suggestion."""

import pickle
from collections.abc import Iterator
from typing import get_args

import pytest
import yaml
from pydantic import BaseModel

from edge_llm_gym.scenario import Scenario, ScenarioError, load_scenario, scenario_names
from edge_llm_gym.scenario.metrics import METRIC_TABLES


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_load_and_pickle(name):
    scenario = load_scenario(name)
    assert scenario.description
    assert pickle.loads(pickle.dumps(scenario)) == scenario


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"epoch_sec": 2.0}, "unknown key 'epoch_sec'; did you mean 'epoch_s'"),
        ({"nodes.0.memry_fraction": 0.5}, "nodes.0.memry_fraction: unknown key .* did you mean 'memory_fraction'"),
        ({"arrivals.rate": 3}, "did you mean 'rate_per_s'"),
        ({"nodes.0.hardware": "nvidia-l5"}, "did you mean 'nvidia-l4'"),
        ({"nodes.0.quantization": "w4a16-gptk"}, "did you mean 'w4a16-gptq'"),
        ({"model": "lama-3-8b"}, "did you mean 'llama-3-8b'"),
        ({"cost": "rooflin"}, "did you mean 'roofline'"),
        ({"channel.path_loss": "umi-nloss"}, "did you mean 'umi-nlos'"),
        ({"reward": {"served_valu": 1.0}}, "unknown reward term 'served_valu'; did you mean 'served_value'"),
        ({"reward": {}}, "reward: .*at least 1"),
        ({"uplink_slot_s": 3.5, "downlink_slot_s": 0.5}, "must be shorter than epoch_s, got 4 s"),
        ({"nodes.0.memory_fraction": 0.1}, "the weights must fit .* takes 5.59 GB, node 'l4-pair' has 4.80 GB"),
        ({"nodes.0.memory_fraction": 1.5}, r"nodes.0.memory_fraction: .*from 1e-06 to 1; .*\(got 1.5\)"),
        ({"epoch_s": float("nan")}, "epoch_s: .*finite"),
        ({"epoch_s": "two"}, r"epoch_s: .*valid number.*\(got 'two'\)"),
        ({"slots": 0}, "slots"),
        ({"requests.budget_s": [9.0, 3.0]}, r"low <= high, got \[9.0, 3.0\]"),
        ({"nodes.3.name": "x"}, "needs an index from 0 to 0, or 1 to append, got '3'"),
        ({"epoch_s.deep": 1}, "addresses a key of a plain value"),
        ({"nodes": []}, "nodes: .*at least 1"),
        (
            {"model": {"layers": 2, "d_model": 100, "heads": 3, "kv_heads": 3, "d_ff": 8, "vocabulary": 9}},
            "multiple of heads, got 100 and 3",
        ),
    ],
)
def test_a_broken_rule_is_named(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("single-node", overrides)


def test_all_broken_rules_are_listed_at_once():
    with pytest.raises(ScenarioError) as caught:
        load_scenario("single-node", {"slots": 0, "epoc_s": 1.0})
    assert "slots" in str(caught.value)
    assert "epoc_s" in str(caught.value)


def test_unknown_name_suggests():
    with pytest.raises(ScenarioError, match="did you mean 'multi-node'"):
        load_scenario("multinode")


def test_equal_node_names_are_refused():
    with pytest.raises(ScenarioError, match="node names must differ"):
        load_scenario("multi-node", {"nodes.1.name": "l4-8bit"})


def test_overrides_reach_every_kind_of_key():
    scenario = load_scenario("multi-node", {"arrivals.rate_per_s": 8.0, "nodes.2.memory_fraction": 0.5, "slots": 7})
    assert (scenario.arrivals.rate_per_s, scenario.nodes[2].memory_fraction, scenario.slots) == (8.0, 0.5, 7)
    again = load_scenario(scenario, {"requests.uplink_payload.probability": 0.0})
    assert again.requests.uplink_payload.probability == 0.0
    assert again.slots == 7
    assert load_scenario("multi-node").slots != 7


def test_a_file_equals_the_mapping_in_it(tmp_path):
    data = load_scenario("single-node").model_dump(mode="json", exclude_none=True)
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(data))
    assert load_scenario(file) == load_scenario(data) == load_scenario("single-node")


@pytest.mark.parametrize(("text", "message"), [("- 1\n- 2\n", "holds a mapping"), ("a: [1\n", "not valid YAML")])
def test_unreadable_files_are_named(tmp_path, text, message):
    file = tmp_path / "broken.yaml"
    file.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        load_scenario(file)


def test_a_file_cannot_run_code(tmp_path):
    file = tmp_path / "evil.yaml"
    file.write_text("name: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(ScenarioError, match="not valid YAML"):
        load_scenario(file)


def test_a_custom_model():
    shape = {"layers": 2, "d_model": 64, "heads": 4, "kv_heads": 2, "d_ff": 128, "vocabulary": 100}
    scenario = load_scenario("single-node", {"model": shape, "nodes.0.quantization": "fp16"})
    assert scenario.shape.layers == 2


OLD_KEY = {
    "epoch": ("single-node", "batching"),
    "staged": ("joint", "batching_routing"),
    "stream": ("early-exit", "streaming"),
}


def with_old_key(value: str) -> dict:
    """The mapping of a shipped scenario with the former key `admission` instead of `dynamics`."""
    data = load_scenario(OLD_KEY[value][0]).model_dump(mode="json", exclude_unset=True)
    return {key: item for key, item in data.items() if key != "dynamics"} | {"admission": value}


@pytest.mark.parametrize("form", ["mapping", "file", "override"])
@pytest.mark.parametrize("value", OLD_KEY)
def test_the_former_key_admission_is_refused_with_the_present_name(value, form, tmp_path):
    file = tmp_path / "old.yaml"
    file.write_text(yaml.safe_dump(with_old_key(value)))
    arguments = {
        "mapping": (with_old_key(value),),
        "file": (file,),
        "override": (OLD_KEY[value][0], {"admission": value}),
    }
    message = f"the key admission is now called dynamics, got admission '{value}'; write dynamics: {OLD_KEY[value][1]}"
    with pytest.raises(ScenarioError) as refused:
        load_scenario(*arguments[form])
    assert [line.partition(": ")[2] for line in str(refused.value).splitlines()[1:]] == [message]


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A section and all sections below it."""
    yield model
    for field in model.model_fields.values():
        for found in sections_in(field.annotation):
            yield from sections(found)


def sections_in(annotation) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from sections_in(argument)


def test_every_key_has_a_description():
    found = {section.__name__: section for section in sections(Scenario)}
    assert {"Scenario", "NodeSection", "DriftSection", "ArrivalsConfig", "LengthsConfig"} <= set(found)
    missing = [
        f"{name}.{key}"
        for name, one in found.items()
        for key, field in one.model_fields.items()
        if not field.description
    ]
    assert missing == []


@pytest.mark.parametrize("name", scenario_names())
def test_metrics_are_described_in_the_order_of_their_columns(name):
    scenario = load_scenario(name)
    described = METRIC_TABLES[scenario.variant](len(scenario.block_layers))
    assert tuple(described) == scenario.metrics
    assert all(metric.description for metric in described.values())
    for metric in described.values():
        assert not metric.weight or (metric.kind, described[metric.weight].kind) == ("mean", "flow")
