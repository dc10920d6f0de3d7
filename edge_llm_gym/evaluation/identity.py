"""What identifies a comparison: all that its episodes depend on, as plain data that can be stored and compared.

Files are identified by their content: traces and profiles of the scenario, archives of trained policies, modules of own
policies. So is the code of this package, since a change to it may change every episode.
"""

import hashlib
import inspect
import json
import pickle
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import edge_llm_gym
from edge_llm_gym.env.own_functions import Feature
from edge_llm_gym.evaluation.model_archive import ModelArchive
from edge_llm_gym.evaluation.policies import ARCHIVE, PolicySource, is_rollout, split_settings
from edge_llm_gym.linear import is_linear
from edge_llm_gym.sb3.policy_file import ENDING
from edge_llm_gym.sb3.pretrained import PRETRAINED
from edge_llm_gym.scenario import Scenario
from edge_llm_gym.scenario.files import named_files

LIBRARIES: Final = ("numpy", "numba", "scipy", "torch", "stable-baselines3")
"""Libraries whose versions episodes may depend on."""
SHOWN_DIFFERENCES: Final = 3
SHOWN_CHARACTERS: Final = 60
ABSENT: Final = "absent"
OWN: Final = ("reward", "features")
"""Arguments of an environment that take functions of a user's own."""


@dataclass(frozen=True)
class Identity:
    """Plain data that describes a comparison. Its seeds are no part of it: further ones may follow."""

    settings: Mapping[str, Any]
    """What all episodes depend on: environment, scenario, versions."""
    policies: Mapping[str, Any]
    """Policy -> what its decisions depend on, for example the hash of a file."""

    def difference(self, other: "Identity") -> str:
        """How `other` differs, as text; empty if it is the same comparison, or the same with further policies."""
        found = [*_differences(self.settings, other.settings), *self._policies_of(other)]
        more = [f"and {len(found) - SHOWN_DIFFERENCES} more differences"] if len(found) > SHOWN_DIFFERENCES else []
        return ", ".join(found[:SHOWN_DIFFERENCES] + more)

    def _policies_of(self, other: "Identity") -> Iterator[str]:
        for name, mine in self.policies.items():
            if name not in other.policies:
                yield f"it has policy {name!r} too"
            elif mine != other.policies[name]:
                yield f"policy {name!r} has changed, {_change(mine, other.policies[name])}"


def identity_of(environment: str, scenario: Scenario, sources: Sequence[PolicySource], **further: Any) -> Identity:
    """The identity of a comparison; `further` settings by name, values of JSON's types, are part of it.

    Raises ValueError for a policy that cannot be identified, such as a lambda.
    """
    settings = {
        "environment": environment,
        "scenario": scenario_identity(scenario),
        **further,
        "package": package_identity(),
        "versions": library_versions(),
    }
    policies = {source.name: policy_identity(source) for source in sources}
    return Identity(*json.loads(json.dumps([settings, policies])))  # as a file holds it


def scenario_identity(scenario: Scenario) -> dict[str, Any]:
    """All fields of a scenario; a file is represented by its name and the hash of its content."""
    data = scenario.model_dump(mode="json")
    for _, section, key in named_files(data):
        section[key] = f"{Path(section[key]).name} {file_hash(section[key])}"
    return data


def scenario_hash(scenario: Scenario) -> str:
    """Hash of all fields of a scenario and of the content of its files."""
    return _hash_of(json.dumps(scenario_identity(scenario), sort_keys=True).encode())


def package_identity() -> str:
    """Version of this package and a hash of all its files, which takes about 15 ms."""
    folder, digest = Path(edge_llm_gym.__file__).parent, hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\n".encode() + path.read_bytes())
    return f"{edge_llm_gym.__version__} {_shortened(digest.hexdigest())}"


def library_versions() -> dict[str, str | None]:
    """Versions of the libraries that episodes may depend on; None for one that is not installed."""
    return {name: _version(name) for name in LIBRARIES}


def policy_identity(source: PolicySource) -> Any:
    """What the decisions of a policy depend on, beside this package.

    Raises ValueError for an object that cannot be pickled and for a class or function without source text.
    """
    policy = source.source
    if isinstance(policy, ModelArchive):
        return {"file": file_hash(policy.path), "codec": policy.codec, "settings": dict(policy.settings)}
    if not isinstance(policy, str):
        return _object_identity(f"policy {source.name!r}", policy)
    if is_rollout(policy):
        base = split_settings(policy)[1].get("base")
        return {"policy": policy, "base": policy_identity(PolicySource(base, base)) if base else None}
    if policy.endswith(ARCHIVE):
        return _archive_identity(Path(policy))
    if policy.endswith(ENDING):
        return {"file": file_hash(policy)}
    if policy.startswith(PRETRAINED):
        return policy  # its file belongs to the package
    if ":" in policy:
        return {"module": _module_hash(policy.partition(":")[0])}
    return policy


def own_identities(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What an own reward and own features depend on, by argument; nothing of those that are not given.

    Raises ValueError for a function that cannot be pickled or has no source text.
    """
    given = {name: settings[name] for name in OWN if settings.get(name) is not None}
    return {name: [_own_identity(name, each) for each in _listed(value)] for name, value in given.items()}


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else [value]


def _own_identity(name: str, own: Any) -> Any:
    if isinstance(own, str):
        return {"name": own, "module": _module_hash(own.partition(":")[0])}
    return _object_identity(f"an own function of {name}", own)


def file_hash(path: str | Path) -> str:
    """Hash of a file's content."""
    with Path(path).open("rb") as file:
        return _shortened(hashlib.file_digest(file, "sha256").hexdigest())


def _archive_identity(path: Path) -> dict[str, str]:
    """The content of an archive, and for a network the description beside it, without which it cannot act."""
    if is_linear(path):
        return {"file": file_hash(path)}
    # Local, since Pydantic models of networks are read for these files only.
    from edge_llm_gym.sb3.description import describe

    return {"file": file_hash(path), "described": _hash_of(describe(path).model_dump_json().encode())}


def _object_identity(label: str, thing: Any) -> dict[str, str]:
    """State and code of an object, a class or a function."""
    try:
        state = _hash_of(pickle.dumps(thing))
        code = _code(_definition(thing))
    except (pickle.PicklingError, AttributeError, TypeError, OSError) as error:
        raise ValueError(
            f"{label} cannot be told from another one, so its episodes cannot be kept ({error}); define it at the top "
            f"of a module and let it be picklable, or compare without a store"
        ) from None
    return {"state": state, "code": _hash_of(code.encode())}


def _definition(policy: Any) -> Any:
    """The class or function that defines the behaviour of a policy, or of an own reward or feature."""
    if isinstance(policy, partial):
        return _definition(policy.func)
    if isinstance(policy, Feature):
        return _definition(policy.function)
    return policy if inspect.isclass(policy) or inspect.isroutine(policy) else type(policy)


def _code(definition: Any) -> str:
    """Text of the module of a class or function; of the running script, which may set other seeds, its own text."""
    module = sys.modules[definition.__module__]
    return inspect.getsource(definition if module.__name__ == "__main__" else module)


def _module_hash(name: str) -> str:
    return _hash_of(inspect.getsource(sys.modules[name]).encode())


def _hash_of(content: bytes) -> str:
    return _shortened(hashlib.sha256(content).hexdigest())


def _shortened(digest: str) -> str:
    return digest[:16]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _differences(mine: Any, other: Any, where: str = "") -> Iterator[str]:
    """Texts on the places where two values of plain data differ."""
    if isinstance(mine, dict) and isinstance(other, dict):
        for key in {**mine, **other}:
            yield from _differences(mine.get(key, ABSENT), other.get(key, ABSENT), f"{where}.{key}".lstrip("."))
    elif isinstance(mine, list) and isinstance(other, list) and len(mine) == len(other):
        for index, (left, right) in enumerate(zip(mine, other, strict=True)):
            yield from _differences(left, right, f"{where}.{index}")
    elif mine != other:
        yield f"{where} {_change(mine, other)}"


def _change(mine: Any, other: Any) -> str:
    return f"was {_short(mine)} there and is {_short(other)} now"


def _short(value: Any) -> str:
    text = value if value == ABSENT else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}..."
