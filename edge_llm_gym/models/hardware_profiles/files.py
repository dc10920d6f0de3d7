"""Hardware profiles by name and in YAML files."""

from functools import cache
from importlib import resources
from os import PathLike
from pathlib import Path
from typing import Final

from edge_llm_gym.files import write_text
from edge_llm_gym.messages import quoted, shortened
from edge_llm_gym.models.hardware_profiles.schema import HardwareProfile
from edge_llm_gym.names import suggestion
from edge_llm_gym.settings import ConfigError, SettingsReader
from edge_llm_gym.yaml_text import dump_yaml, is_file

PROFILES: Final = ("nvidia-h100-sxm",)
"""Names of the shipped profiles: one file each in the folder `shipped`."""
SUFFIXES: Final = (".yaml", ".yml")
_READER: Final = SettingsReader("hardware profile", HardwareProfile, ConfigError)


def hardware_profile(name_or_path: str | PathLike[str]) -> HardwareProfile:
    """The shipped profile of a name, or the profile in a YAML file.

    Raises ValueError for an unknown name, with a suggestion, and for a file that violates the schema;
    FileNotFoundError for a missing file.
    """
    name = str(name_or_path)
    if name in PROFILES:
        return _shipped(name)
    path = Path(name_or_path)
    if is_file(path):
        label = shortened(name)
        return _READER.validate(label, _READER.read(path))
    if path.suffix in SUFFIXES:
        raise FileNotFoundError(f"hardware profile: there is no file {quoted(name)}; give a path that exists")
    raise ValueError(
        f"unknown hardware profile {quoted(name)} (a name, or the path of a YAML file); {suggestion(name, PROFILES)}"
    )


def save_hardware_profile(profile: HardwareProfile, path: str | PathLike[str]) -> None:
    """Writes a profile to a file that `hardware_profile` reads. Raises ValueError unless it ends in .yaml or .yml."""
    require_profile_path(path)
    data = profile.model_dump(mode="json", exclude_defaults=True)
    write_text(path, dump_yaml(data))


def require_profile_path(path: str | PathLike[str]) -> None:
    """Raises ValueError unless the path of a profile ends in .yaml or .yml."""
    if Path(path).suffix not in SUFFIXES:
        raise ValueError(
            f"hardware profiles are stored in YAML files, got {str(path)!r}: give a path that ends in .yaml"
        )


@cache
def _shipped(name: str) -> HardwareProfile:
    folder = resources.files("edge_llm_gym.models.hardware_profiles") / "shipped"
    return _READER.validate(name, _READER.parse(name, (folder / f"{name}.yaml").read_text("utf-8")))
