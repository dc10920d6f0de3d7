"""The file format of trained policies that are passed on: safetensors, with a description as JSON in its header.

Nothing in such a file is executed. It holds the weights as plain arrays, what `PolicyDescription` needs, and how the
policy was trained and scored. PyTorch is not imported here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import safetensors
import safetensors.numpy

from edge_llm_gym.arrays import Array
from edge_llm_gym.files import replacing
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.sb3.description import READER, PolicyDescription
from edge_llm_gym.settings import ConfigError

ENDING: Final = ".safetensors"
FORMAT: Final = "edge-llm-gym policy 1"
"""Value of the header's key "format"; the number rises with incompatible changes."""
MAX_BYTES: Final = 1 << 30
"""Bound on the size of a file."""


@dataclass(frozen=True)
class PolicyFile:
    """Content of a file: what the network is, its weights by name, and a record of training and scores."""

    description: PolicyDescription
    weights: Mapping[str, Array]
    about: Mapping[str, Any] = field(default_factory=dict)
    """Numbers and texts in nested dictionaries; `scripts.export` says which."""


def write_policy_file(path: Path, content: PolicyFile) -> None:
    """Writes a file as a whole."""
    header = {
        "format": FORMAT,
        "description": content.description.model_dump_json(),
        "about": json.dumps(dict(content.about)),
    }
    arrays = {name: np.ascontiguousarray(array) for name, array in content.weights.items()}
    data = safetensors.numpy.save(arrays, header)
    with replacing(path) as temporary:
        Path(temporary).write_bytes(data)


def read_policy_file(path: Path) -> PolicyFile:
    """The content of a file. Raises ConfigError for a file that is missing, damaged or of another form."""
    if not path.is_file():
        raise ConfigError(f"there is no trained policy at {str(path)!r}; scripts.export writes one from a run")
    if (size := path.stat().st_size) > MAX_BYTES:
        raise ConfigError(f"{path} has {size / 1e6:.6g} MB; at most {MAX_BYTES / 1e6:.6g} MB are read")
    header, weights = _parts(path)
    description = READER.validate(f"in {path}", _json(path, header, "description"))
    return PolicyFile(description, weights, _json(path, header, "about"))


def _parts(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    """Header and weights."""
    try:
        with safetensors.safe_open(path, framework="numpy") as archive:
            header = archive.metadata() or {}
            weights = {name: archive.get_tensor(name) for name in archive.keys()}  # noqa: SIM118, it is no mapping
    except (safetensors.SafetensorError, OSError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is no safetensors file: {shortened(str(error))}; give one that scripts.export wrote"
        ) from None
    if (found := header.get("format")) != FORMAT:
        raise ConfigError(
            f"{path} has format {quoted(found)}, and {FORMAT!r} is read; write it again with scripts.export"
        )
    return header, weights


def _json(path: Path, header: Mapping[str, str], key: str) -> dict[str, Any]:
    try:
        value = json.loads(header.get(key, ""))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {key!r} in its header is no JSON: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key!r} in its header must be a dictionary, got {quoted(value)}")
    return value
