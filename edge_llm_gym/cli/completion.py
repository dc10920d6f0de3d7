"""Values that the shell completes: environments, scenarios, policies, backends."""

from collections.abc import Iterable
from pathlib import Path

from edge_llm_gym.evaluation.report_layout import LAYOUTS
from edge_llm_gym.evaluation.workers import BACKENDS
from edge_llm_gym.experts import expert_descriptions
from edge_llm_gym.lookahead import ROLLOUT
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sb3.pretrained import PRETRAINED, pretrained_names
from edge_llm_gym.scenario import scenario_names
from edge_llm_gym.scenario.keys import key_paths

SUFFIXES = (".yaml", ".yml")


def complete(incomplete: str, known: Iterable[str]) -> list[str]:
    """Names that begin with the text."""
    return [name for name in known if name.startswith(incomplete)]


def complete_environment(incomplete: str) -> list[str]:
    """Ids that begin with the text; the part after the slash may be given alone, since it is the part that differs."""
    return [name for name in ENVIRONMENTS if name.startswith(incomplete) or name.split("/")[-1].startswith(incomplete)]


def complete_scenario(incomplete: str) -> list[str]:
    """Shipped scenarios, and YAML files and folders in the folder of the text."""
    folder = Path(incomplete) if incomplete.endswith("/") else Path(incomplete).parent
    found = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [f"{path}/" if path.is_dir() else str(path) for path in found if path.is_dir() or path.suffix in SUFFIXES]
    return complete(incomplete, (*scenario_names(), *files))


def complete_key(incomplete: str) -> list[str]:
    """Dotted paths of the keys of a scenario file."""
    return complete(incomplete, key_paths())


def complete_policy(incomplete: str) -> list[tuple[str, str]]:
    """Experts, shipped policies and the policy that looks ahead, with a line about each."""
    known = expert_descriptions() | {ROLLOUT: "looks ahead in resampled futures"}
    known |= {f"{PRETRAINED}{name}": "a trained policy" for name in pretrained_names()}
    return [(name, text) for name, text in known.items() if name.startswith(incomplete)]


def complete_policies(incomplete: str) -> list[tuple[str, str]]:
    """The last name of a list that is separated by commas."""
    done, comma, last = incomplete.rpartition(",")
    return [(f"{done}{comma}{name}", text) for name, text in complete_policy(last)]


def complete_metrics(incomplete: str) -> list[tuple[str, str]]:
    """The last name of a list of metrics that tables have columns of."""
    done, comma, last = incomplete.rpartition(",")
    titles = {name: title for layout in LAYOUTS.values() for name, (title, _) in layout.titles.items()}
    return [(f"{done}{comma}{name}", title) for name, title in titles.items() if name.startswith(last)]


def complete_backend(incomplete: str) -> list[str]:
    """Backends of workers."""
    return complete(incomplete, BACKENDS)
