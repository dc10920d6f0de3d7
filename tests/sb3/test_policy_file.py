"""The file format of trained policies: what is written is read again, and whatever else a file holds is refused."""

import json
import pickle
import struct

import numpy as np
import pytest

from edge_llm_gym.sb3.description import PolicyDescription
from edge_llm_gym.sb3.policy_file import PolicyFile, read_policy_file, write_policy_file
from edge_llm_gym.settings import ConfigError

DESCRIPTION = PolicyDescription.model_validate(
    {
        "environment": {"id": "EdgeLLM/MultiNode-v0"},
        "codec": {"name": "parameters", "settings": {"search": "quick"}},
        "policy": {"kind": "constant", "gain": 1.5},
    }
)
WEIGHTS = {"action_net.bias": np.arange(3, dtype=np.float32), "log_std": np.zeros((2, 2), np.float32)}


def test_a_file_keeps_description_weights_and_record(tmp_path):
    path = tmp_path / "one.safetensors"
    write_policy_file(path, PolicyFile(DESCRIPTION, WEIGHTS, {"score": [1.5, 2.0]}))
    content = read_policy_file(path)
    assert content.description == DESCRIPTION
    assert content.about == {"score": [1.5, 2.0]}
    assert set(content.weights) == set(WEIGHTS)
    for name, array in WEIGHTS.items():
        assert content.weights[name].dtype == array.dtype
        np.testing.assert_array_equal(content.weights[name], array)


def with_header(path, **changes):
    """A valid file with other texts in its header; None leaves a key out."""
    write_policy_file(path, PolicyFile(DESCRIPTION, WEIGHTS))
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    texts = {key: text for key, text in (header["__metadata__"] | changes).items() if text is not None}
    encoded = json.dumps(header | {"__metadata__": texts}).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data[8 + size :])
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": None}, "has format None, and 'edge-llm-gym policy 1' is read"),
        ({"format": "another"}, "has format 'another'"),
        ({"description": "{"}, "'description' in its header is no JSON"),
        ({"description": "[" * 100_000}, "'description' in its header is no JSON"),
        ({"about": "[1]"}, "'about' in its header must be a dictionary"),
        ({"description": json.dumps({"codec": {"name": "box"}})}, "environment: this key is required"),
        (
            {"description": json.dumps({"environment": {"id": "EdgeLLM/MultiNod-v0"}, "codec": {"name": "box"}})},
            "did you mean",
        ),
    ],
)
def test_other_headers_are_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace("[", r"\[")):
        read_policy_file(with_header(tmp_path / "one.safetensors", **changes))


class Trap:
    """Would leave a file behind if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("damage", ["pickle", "empty", "cut", "text", "huge header"])
def test_damaged_files_are_refused_and_nothing_is_run(tmp_path, damage):
    path, trap = tmp_path / "one.safetensors", tmp_path / "trap"
    write_policy_file(path, PolicyFile(DESCRIPTION, WEIGHTS))
    contents = {
        "pickle": pickle.dumps(Trap(str(trap))),
        "empty": b"",
        "cut": path.read_bytes()[:-4],
        "text": b"no weights here",
        "huge header": struct.pack("<Q", 1 << 60) + b"{}",
    }
    path.write_bytes(contents[damage])
    with pytest.raises(ConfigError, match=r"is no safetensors file: .*; give one that scripts.export wrote"):
        read_policy_file(path)
    assert not trap.exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="there is no trained policy at"):
        read_policy_file(tmp_path / "none.safetensors")
