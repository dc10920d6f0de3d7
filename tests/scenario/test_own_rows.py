"""Hardware, models and quantisation in a scenario: by name, as a mapping, and as the path of a file."""

import json
import pickle

import pytest
import yaml

from edge_llm_gym.models.catalogue import HardwareSection
from edge_llm_gym.scenario import ScenarioError, load_scenario

DEVICE = {
    "name": "my-box",
    "peak_flops": 20e12,
    "memory_bytes": 48e9,
    "memory_bandwidth_bytes_per_s": 400e9,
    "idle_w": 10.0,
    "busy_w": 90.0,
    "bandwidth_fraction": 0.6,
}
MODEL = {"name": "my-2b", "layers": 4, "d_model": 64, "heads": 4, "kv_heads": 2, "head_dim": 32, "d_ff": 128}
MODEL |= {"vocabulary": 100, "gated": True}
METHOD = {"name": "my-4bit", "weight_bits": 4.5, "table_bits": 8.0, "perplexity": [6.0, 8.0]}
OWN = {"model": MODEL, "nodes.0.hardware": DEVICE, "nodes.0.quantization": METHOD}
FILES = {"model": "my-2b.yaml", "nodes.0.hardware": "rows/my-box.yml", "nodes.0.quantization": "my-4bit.json"}


@pytest.fixture
def folder(tmp_path):
    """A folder with a scenario file and the rows that it names."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "my-2b.yaml").write_text(yaml.safe_dump({key: MODEL[key] for key in MODEL if key != "name"}))
    (tmp_path / "rows" / "my-box.yml").write_text(yaml.safe_dump(DEVICE))
    (tmp_path / "my-4bit.json").write_text(json.dumps(METHOD))
    data = load_scenario("single-node").model_dump(mode="json", exclude_unset=True)
    data["model"] = FILES["model"]
    data["nodes"][0] |= {"hardware": FILES["nodes.0.hardware"], "quantization": FILES["nodes.0.quantization"]}
    (tmp_path / "site.yaml").write_text(yaml.safe_dump(data))
    return tmp_path


def test_mappings_take_effect():
    scenario = load_scenario("single-node", OWN)
    node = scenario.nodes[0]
    assert (scenario.shape.name, scenario.shape.query_dim, scenario.shape.kv_dim) == ("my-2b", 128, 64)
    assert node.device().memory_bytes == node.count * 48e9
    assert node.device().bandwidth_fraction == 0.6
    method = node.method("my-2b")
    assert (method.weight_bits, method.table_bits, method.quality) == (4.5, 8.0, 0.75)
    assert node.quantization_name == "my-4bit"


def test_the_own_pair_of_a_node_replaces_that_of_its_method():
    scenario = load_scenario("single-node", OWN | {"nodes.0.perplexity": [1.0, 2.0], "nodes.0.compute_scale": 3.0})
    method = scenario.nodes[0].method("my-2b")
    assert (method.quality, method.compute_scale) == (0.5, 3.0)


def test_files_are_read_from_the_folder_of_the_scenario(folder, monkeypatch):
    expected = load_scenario("single-node", OWN)
    assert load_scenario(folder / "site.yaml") == expected
    monkeypatch.chdir(folder.parent)
    assert load_scenario(f"{folder.name}/site.yaml") == expected


def test_files_in_overrides_and_mappings_are_read_from_the_working_directory(folder, monkeypatch):
    monkeypatch.chdir(folder)
    expected = load_scenario("single-node", OWN)
    assert load_scenario("single-node", FILES) == expected
    data = load_scenario("single-node").model_dump(mode="json", exclude_unset=True)
    assert load_scenario(data, FILES) == expected
    nodes = [data["nodes"][0] | {"hardware": FILES["nodes.0.hardware"]}]
    assert load_scenario("single-node", {"nodes": nodes}).nodes[0].hardware == HardwareSection(**DEVICE)
    assert nodes[0]["hardware"] == "rows/my-box.yml", "the caller's value is not changed"


def test_a_scenario_with_own_rows_survives_a_round_trip(folder, tmp_path):
    scenario = load_scenario(folder / "site.yaml")
    assert pickle.loads(pickle.dumps(scenario)) == scenario
    data = scenario.model_dump(mode="json", exclude_none=True)
    (tmp_path / "again.yaml").write_text(yaml.safe_dump(data))
    assert load_scenario(tmp_path / "again.yaml") == scenario


def test_single_numbers_of_a_row_can_be_overridden(folder):
    changed = load_scenario(folder / "site.yaml", {"nodes.0.hardware.busy_w": 70.0, "model.layers": 5})
    assert changed.nodes[0].device().busy_w == 70.0 * changed.nodes[0].count
    assert changed.shape.layers == 5
    assert load_scenario(changed, {"nodes.0.hardware": "nvidia-l4"}).nodes[0].device().name == "2 x nvidia-l4"


def test_names_are_kept_as_names():
    assert load_scenario("single-node").model_dump()["model"] == "llama-3-8b"
    assert load_scenario("single-node", {"model": "qwen3-8b", "nodes.0.perplexity": [9.0, 9.1]}).model == "qwen3-8b"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"nodes.0.hardware": "nvidia-rtx-4091"},
            "nodes.0.hardware: unknown hardware 'nvidia-rtx-4091'; did you mean 'n",
        ),
        ({"model": "qwen3-0.6"}, "model: unknown model 'qwen3-0.6'; did you mean 'qwen3-0.6b'"),
        ({"nodes.0.quantization": "q4_k"}, "nodes.0.quantization: unknown .* did you mean 'q4_k_m'"),
        (
            {"nodes.0.hardware": DEVICE | {"bandwith_fraction": 0.5}},
            "hardware.bandwith_fraction: unknown key .* did you mean 'bandwidth_fraction'",
        ),
        (
            {"nodes.0.hardware": DEVICE | {"memory_bytes": 48}},
            r"nodes.0.hardware.memory_bytes: .*in bytes .*\(got 48\)",
        ),
        ({"nodes.0.hardware": {"name": "x"}}, "nodes.0.hardware.peak_flops: this key is required"),
        ({"nodes.0.hardware.busy_w": 3.0}, "addresses a key of a plain value 'nvidia-l4'"),
        ({"nodes.0.hardware": 7}, "nodes.0.hardware: "),
        ({"model": MODEL | {"head_dim": 0}}, "model.head_dim: .*must be from 1 to"),
        ({"model": MODEL | {"kv_heads": 3}}, "heads must be a multiple of kv_heads, got 4 and 3"),
        ({"model": MODEL | {"num_hidden_layers": 4}}, "model: unknown key 'num_hidden_layers', got 4; write layers"),
        (
            {"nodes.0.quantization": METHOD | {"perplexity": None}},
            "no perplexity of model 'llama-3-8b' under 'my-4bit'",
        ),
        (
            {"nodes.0.hardware": "no/such.yaml"},
            "nodes.0.hardware: there is no file 'no/such.yaml'; give a path that exists, a",
        ),
    ],
    ids=str,
)
def test_faults_are_named_with_their_key(overrides, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario("single-node", overrides)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1\n", "rows/my-box.yml' must hold a mapping, got list"),
        ("a: [1\n", "rows/my-box.yml': .*not valid YAML"),
        ("!!python/object/apply:os.getcwd []\n", "rows/my-box.yml': .*not valid YAML"),
        (
            "peak_flop: 1.0e+12\n",
            r"(?s)nodes.0.hardware: hardware .*peak_flop: unknown key 'peak_flop'; did you mean 'peak_flops'",
        ),
        ("peak_flops: ${HOME}\n", r"(?s)nodes.0.hardware: hardware .*peak_flops: .*valid number.*\$\{HOME\}"),
    ],
)
def test_faulty_files_are_named_with_their_key(folder, text, message):
    (folder / "rows" / "my-box.yml").write_text(text)
    with pytest.raises(ScenarioError, match=message):
        load_scenario(folder / "site.yaml")


def test_traces_and_profiles_are_relative_to_the_scenario_file(folder):
    data = load_scenario("early-exit").model_dump(mode="json", exclude_unset=True)
    data["arrivals"] = {"process": "trace", "file": "mine.csv", "rate_per_s": 1.0}
    data["exits"]["profile"] = "stdlib-lm"
    (folder / "early.yaml").write_text(yaml.safe_dump(data))
    scenario = load_scenario(folder / "early.yaml")
    assert scenario.arrivals.file == str(folder / "mine.csv")
    assert scenario.exits.profile == "stdlib-lm"
    assert load_scenario(scenario, {"arrivals.file": "other.csv"}).arrivals.file == "other.csv"
    data["exits"]["profile"] = "mine.npz"
    (folder / "early.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ScenarioError, match=f"there is no file '{folder / 'mine.npz'}'"):
        load_scenario(folder / "early.yaml")
