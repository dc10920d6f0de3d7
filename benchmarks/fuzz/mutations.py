"""Mutated scenarios: a shipped one with a few changes, as a mapping or as the bytes of a YAML file."""

import random
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Final

from edge_llm_gym.messages import quoted
from edge_llm_gym.scenario import load_scenario, scenario_names
from edge_llm_gym.yaml_text import dump_yaml

Data = dict[str, Any]
Place = tuple[Any, Any]
"""A section or list, and a key or index in it."""

HORIZON: Final = 6
"""Epochs of an episode, so that a reset is quick; a mutation may change it."""
FILE_SHARE: Final = 0.1
EXTREMES: Final = (
    *(0, -0.0, 1, -1, 2**31 - 1, 2**31, 2**63, -(2**63), 10**400, 10**5000),
    *(5e-324, 1e-308, 1e-300, 1e-30, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 0.5, 0.999999),
    *(1e3, 1e5, 1e6, 1e7, 1e9, 1e12, 1e13, 1e15, 1e18, 1e30, 1e154, 1e300, 1.7e308),
    *(float("inf"), float("-inf"), float("nan"), 1 + 1e-12, 1.5, 1e16),
)
OTHER_TYPES: Final = (
    *(None, True, False, "", "text", "1e-300", "1:00", "010", "\x00", "x" * 100_000, b"bytes", "\ud800"),
    *([], {}, [1.0], [1e-300, 1e300], {"a": 1}, [[[[]]]], (1, 2), {1: 2}, object(), 1j, {"name": "own"}),
)
SECTIONS: Final[tuple[tuple[str, Any], ...]] = (
    ("arrivals", {"process": "poisson", "rate_per_s": 3.0}),
    ("arrivals", {"process": "gamma", "rate_per_s": 3.0, "cv": 5.0}),
    ("arrivals", {"process": "day-cycle", "rate_per_s": 3.0, "depth": 0.5, "period_s": 20.0, "phase": 0.1}),
    ("arrivals", {"process": "azure-code-2023", "rate_per_s": 3.0}),
    ("lengths.prediction", {"sigma": 0.5}),
    ("lengths", {"kind": "azure-code-2023", "max_prompt_tokens": 4096, "max_output_tokens": 64}),
    (
        "lengths",
        {"kind": "choice", "prompt_tokens": [9, 99], "output_tokens": [1, 9], "max_prompt_tokens": 99}
        | {"max_output_tokens": 9},
    ),
    (
        "lengths",
        {"kind": "lognormal", "prompt_mean": 99.0, "prompt_cv": 1.0, "output_mean": 9.0, "output_cv": 2.0}
        | {"max_prompt_tokens": 999, "max_output_tokens": 99},
    ),
    ("batching", "continuous"),
    ("nodes.0.slowdown", {"from_s": 2.0, "until_s": 4.0, "factor": 3.0}),
    ("exits.drift", {"period_s": 20.0, "depth": 0.5, "phase": 0.2}),
    ("channel.doppler_hz", 5.0),
    ("channel.spectral_efficiency_floor", 0.01),
    ("nodes.0.perplexity", [5.0, 6.0]),
    ("nodes.0.compute_scale", 1.5),
    ("nodes.0.step_overhead_s", 0.01),
    ("requests.uplink_payload", {"probability": 0.5, "bits": [0.6, 1e6]}),
    (
        "nodes.0.hardware",
        {"peak_flops": 1e13, "memory_bytes": 64e9, "memory_bandwidth_bytes_per_s": 1e11, "idle_w": 5.0, "busy_w": 50.0},
    ),
    ("nodes.0.quantization", {"weight_bits": 4.0, "kv_bits": 8.0, "perplexity": [5.0, 5.5]}),
    (
        "model",
        {"layers": 32, "d_model": 512, "heads": 8, "kv_heads": 4, "d_ff": 1024, "vocabulary": 1000, "gated": True},
    ),
)
"""Parts of other kinds than the shipped scenarios have, and where they go."""


def mutated(seed: int, case: int) -> tuple[str, Data | bytes]:
    """A description and the scenario of a case; the same in every run."""
    rng = random.Random(f"{seed}:{case}")
    name = rng.choice(scenario_names())
    data = _copy(_shipped(name, rng.random() < 0.5))
    notes = [name]
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        if part := _put_section(rng, data):
            notes.append(part)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        notes.append(rng.choices(OPERATIONS, OPERATION_WEIGHTS)[0](rng, data))
    if rng.random() < FILE_SHARE:
        try:
            return "; ".join([*notes, "as a file"]), _damaged(rng, dump_yaml(data).encode())
        except (ValueError, TypeError, UnicodeError, RuntimeError):
            return "; ".join(notes), data  # not everything can be written as YAML
        except Exception as error:
            if type(error).__module__.startswith("yaml"):
                return "; ".join(notes), data
            raise
    return "; ".join(notes), data


@cache
def _shipped(name: str, whole: bool) -> Data:
    data: Data = load_scenario(name).model_dump(mode="json", exclude_unset=not whole)
    return data | {"horizon_epochs": HORIZON}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _places(section: Any) -> Iterator[Place]:
    """All places in nested sections and lists."""
    items = section.items() if isinstance(section, dict) else enumerate(section)
    for key, value in items:
        yield section, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _pick(rng: random.Random, data: Data, only: Callable[[Any], bool] = lambda value: True) -> Place:
    places = [(section, key) for section, key in _places(data) if only(section[key])]
    return rng.choice(places or list(_places(data)) or [(data, "name")])


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _put_section(rng: random.Random, data: Data) -> str:
    """Replaces a part by one of another kind; nothing happens where the section around it is missing."""
    path, value = rng.choice(SECTIONS)
    *parents, last = path.split(".")
    section: Any = data
    for part in parents:
        section = section[int(part)] if isinstance(section, list) else section.get(part)
        if section is None:
            return ""
    section[last] = _copy(value)
    return f"{path} = {value}"


def _set(place: Place, value: Any) -> str:
    section, key = place
    section[key] = value
    return f"{quoted(key)} = {quoted(value)}"


def _extreme(rng: random.Random, data: Data) -> str:
    return _set(_pick(rng, data, _is_number), rng.choice(EXTREMES))


def _scaled(rng: random.Random, data: Data) -> str:
    section, key = _pick(rng, data, _is_number)
    value = section.get(key, 1.0) if isinstance(section, dict) else section[key]
    factor = 10.0 ** rng.gauss(0.0, rng.choice((0.3, 1.0, 5.0)))
    product = value * factor if _is_number(value) and abs(value) < 1e290 else factor
    return _set((section, key), int(product) if isinstance(value, int) and product < 1e18 else product)


def _retyped(rng: random.Random, data: Data) -> str:
    return _set(_pick(rng, data), rng.choice(OTHER_TYPES))


def _deleted(rng: random.Random, data: Data) -> str:
    section, key = _pick(rng, data)
    if isinstance(section, dict):
        section.pop(key, None)
    else:
        del section[key]
    return f"without {key}"


def _duplicated(rng: random.Random, data: Data) -> str:
    section, key = _pick(rng, data)
    if isinstance(section, list):
        section.extend([_copy(section[key])] * rng.choice((1, 1, 200)))
        return f"item {key} again"
    section[f"{key}2"] = section.get(key)
    return f"{key} twice"


def _swapped(rng: random.Random, data: Data) -> str:
    (one, one_key), (other, other_key) = _pick(rng, data), _pick(rng, data)
    value = _copy(other[other_key])
    return _set((one, one_key), value)


OPERATIONS: Final = (_extreme, _scaled, _retyped, _deleted, _duplicated, _swapped)
OPERATION_WEIGHTS: Final = (3, 12, 1, 1, 1, 1)


def _damaged(rng: random.Random, text: bytes) -> bytes:
    """The text of a file, sometimes with a few bytes deleted, repeated or replaced."""
    for _ in range(rng.choice((0, 0, 1, 3))):
        at, length = rng.randrange(len(text) + 1), rng.choice((1, 1, 2, 30, 300))
        middle = rng.choice((b"", text[at : at + length] * 2, bytes(rng.randrange(256) for _ in range(length))))
        text = text[:at] + middle + text[at + length :]
    return text
