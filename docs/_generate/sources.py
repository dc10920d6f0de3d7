"""Everything that the generators take from the package, in one place; a name that has moved fails here, loudly."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from edge_llm_gym.cli import app
from edge_llm_gym.env.spaces import action_space, observation_space
from edge_llm_gym.experts.registry import expert_names
from edge_llm_gym.models.hardware import HARDWARE
from edge_llm_gym.models.llm import MODELS
from edge_llm_gym.models.quantization import METHODS, PERPLEXITY
from edge_llm_gym.registration import ENVIRONMENTS
from edge_llm_gym.sim import observation as pooled
from edge_llm_gym.sim.loading import load_scenario, scenario_names
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.rules import ADMISSION_KEYS
from edge_llm_gym.sim.scenario import Scenario
from edge_llm_gym.sim.staged import observation as staged
from edge_llm_gym.sim.state import OUTCOME_NAMES
from edge_llm_gym.sim.stream import observation as streaming
from edge_llm_gym.workload.config import ARRIVAL_KEYS, LENGTH_KEYS

__all__ = [
    "API_PAGES",
    "ARRIVAL_KEYS",
    "ENVIRONMENTS",
    "HARDWARE",
    "LENGTH_KEYS",
    "METHODS",
    "MODELS",
    "OUTCOMES",
    "PERPLEXITY",
    "Scenario",
    "action_space",
    "app",
    "dynamics_keys",
    "dynamics_of",
    "expert_names",
    "load_scenario",
    "metric_names",
    "node_costs",
    "node_features",
    "observation_space",
    "renamed",
    "request_features",
    "scenario_names",
]

RENAMES: Final[Mapping[str, Mapping[str, str]]] = {
    "dynamics": {"epoch": "batching", "staged": "batching_routing", "stream": "streaming"},
    "requests": {"waited": "waiting_time", "left": "time_left", "accuracy": "quality_demand"},
    "nodes": {"busy": "time_until_free", "room": "free_kv_bytes", "room_total": "kv_capacity_bytes"},
    "metrics": {
        "poor": "below_quality",
        "poor_value": "below_quality_value",
        "unseen": "hidden",
        "asked": "requested",
    },
    "outcomes": {"poor": "below_quality"},
    "scenario": {"admission": "dynamics"},
}
"""Names that the package is about to change, by table: old -> new. Empty once it has; a new name is left as it is."""


def renamed(table: str, name: str) -> str:
    """The name that the documentation uses."""
    return RENAMES[table].get(name, name)


def dynamics_of(scenario: Scenario) -> str:
    """The dynamics of a scenario."""
    value: str = getattr(scenario, "dynamics", None) or scenario.admission
    return renamed("dynamics", value)


def dynamics_keys() -> dict[str, Any]:
    """Dynamics -> the scenario keys that it needs and may have."""
    return {renamed("dynamics", name): keys for name, keys in ADMISSION_KEYS.items()}


def request_features() -> list[str]:
    """Columns of `requests`."""
    return [renamed("requests", name) for name in pooled.REQUEST_FEATURES]


def node_features(dynamics: str) -> list[str]:
    """Columns of `nodes`."""
    names: dict[str, Sequence[str]] = {
        "batching": pooled.NODE_FEATURES,
        "batching_routing": staged.NODE_FEATURES,
        "streaming": streaming.NODE_FEATURES,
    }
    return [renamed("nodes", name) for name in names[dynamics]]


def link_features() -> list[str]:
    """Columns of `links`."""
    return list(streaming.LINK_FEATURES)


def confidence_quantiles() -> list[str]:
    """Columns of `exit_confidence`."""
    return [f"{quantile:g}" for quantile in streaming.QUANTILES]


def metric_names(scenario: Scenario) -> list[str]:
    """Keys of `info["metrics"]`."""
    return [renamed("metrics", name) for name in scenario.metrics]


OUTCOMES: Final = [renamed("outcomes", name) for name in OUTCOME_NAMES]
"""Names of the outcome codes, in the order of the codes."""

API_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "environments": ("edge_llm_gym.env.env", "edge_llm_gym.env.vector_env", "edge_llm_gym.env.actions"),
    "scenarios": ("edge_llm_gym.sim.loading", "edge_llm_gym.sim.scenario"),
    "experts": ("edge_llm_gym.experts.registry", "edge_llm_gym.experts.policy"),
    "evaluation": (
        "edge_llm_gym.evaluation.compare",
        "edge_llm_gym.evaluation.rollout",
        "edge_llm_gym.evaluation.gap",
        "edge_llm_gym.evaluation.statistics",
    ),
    "codecs": ("edge_llm_gym.env.codecs", "edge_llm_gym.env.wrappers"),
    "problems": (
        "edge_llm_gym.problems.batch",
        "edge_llm_gym.problems.assignment",
        "edge_llm_gym.problems.routing",
    ),
    "solvers": (
        "edge_llm_gym.solvers.dftsp",
        "edge_llm_gym.solvers.ot_gah",
        "edge_llm_gym.solvers.dto_ee",
        "edge_llm_gym.solvers.reference",
    ),
    "models": (
        "edge_llm_gym.models.llm",
        "edge_llm_gym.models.quantization",
        "edge_llm_gym.models.hardware",
        "edge_llm_gym.models.cost",
        "edge_llm_gym.models.channel",
        "edge_llm_gym.models.exits",
    ),
    "workload": (
        "edge_llm_gym.workload.arrivals",
        "edge_llm_gym.workload.lengths",
        "edge_llm_gym.workload.traces",
        "edge_llm_gym.workload.replay",
    ),
}
"""Page of the API reference -> its modules."""
