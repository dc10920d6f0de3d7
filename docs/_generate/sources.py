"""Everything that the generators take from the package, in one place; a name that has moved fails here, loudly."""

from collections.abc import Mapping
from importlib import resources
from typing import Any, Final

from edge_llm_gym.cli import app
from edge_llm_gym.cli.catalogue import derived_numbers
from edge_llm_gym.env.description.docstrings import docstring_table
from edge_llm_gym.env.description.reports import info_entries
from edge_llm_gym.env.features import FEATURES, QUANTILES
from edge_llm_gym.env.flat import FlatEnv
from edge_llm_gym.env.interface import interface_of
from edge_llm_gym.experts import expert_descriptions, make_expert
from edge_llm_gym.models.catalogue import hardware_rows, model_rows, quantization_rows
from edge_llm_gym.models.cost_models import ModelPart, NodeRates, cost_model
from edge_llm_gym.models.hardware import HARDWARE
from edge_llm_gym.models.hardware_profiles import hardware_profile
from edge_llm_gym.models.llm import MODELS
from edge_llm_gym.models.quantization import METHODS
from edge_llm_gym.registration import ENVIRONMENTS, FLAT_ENVIRONMENTS, FLAT_FORMS, flat_id
from edge_llm_gym.scenario import Scenario, load_scenario, scenario_names
from edge_llm_gym.scenario.metrics import Metric
from edge_llm_gym.scenario.rules import DYNAMICS_KEYS
from edge_llm_gym.sim.node_costs import node_costs
from edge_llm_gym.sim.outcomes import OUTCOME_NAMES, Outcome
from edge_llm_gym.workload.config import ARRIVAL_KEYS, LENGTH_KEYS

__all__ = [
    "API_PAGES",
    "ARRIVAL_KEYS",
    "DYNAMICS_KEYS",
    "ENVIRONMENTS",
    "FEATURES",
    "HARDWARE",
    "LENGTH_KEYS",
    "METHODS",
    "MODELS",
    "OUTCOME_NAMES",
    "QUANTILES",
    "ModelPart",
    "NodeRates",
    "Scenario",
    "app",
    "cost_model",
    "derived_numbers",
    "expert_descriptions",
    "flat_spaces",
    "hardware_profile",
    "hardware_rows",
    "info_entries",
    "interface_of",
    "kv_capacity_bytes",
    "load_scenario",
    "make_expert",
    "metric_table",
    "model_rows",
    "node_costs",
    "outcome_descriptions",
    "quantization_rows",
    "scenario_names",
    "shipped_text",
]


def flat_spaces(environment: str) -> dict[str, tuple[Any, Any]]:
    """Id of each flat form of an environment -> its observation and action space."""
    ids = [name for form in FLAT_FORMS if (name := flat_id(environment, form)) in FLAT_ENVIRONMENTS]
    made = {name: FlatEnv(**FLAT_ENVIRONMENTS[name]) for name in ids}
    return {name: (env.observation_space, env.action_space) for name, env in made.items()}


def metric_table(scenario: Scenario) -> Mapping[str, Metric]:
    """Metric -> kind and description."""
    return scenario.metric_table


def outcome_descriptions() -> dict[str, str]:
    """Outcome -> meaning, from the table in the docstring of `edge_llm_gym.Outcome`."""
    rows = docstring_table(Outcome, "code")
    return {row["outcome"]: row["meaning"] for row in rows}


def shipped_text(name: str) -> str:
    """The file of a shipped scenario."""
    return (resources.files("edge_llm_gym.scenario") / "shipped" / f"{name}.yaml").read_text("utf-8")


def kv_capacity_bytes(costs: Any) -> float:
    """Memory for KV caches beside the weights of a node."""
    return float(costs.kv_capacity_bytes)


API_PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "environments": (
        "edge_llm_gym.env.env",
        "edge_llm_gym.env.vector_env:EdgeLLMVectorEnv",
        "edge_llm_gym.env.flat",
        "edge_llm_gym.env.flat.env:FlatEnv",
        "edge_llm_gym.env.flat.vector_env:FlatVectorEnv",
        "edge_llm_gym.env.flat.info",
        "edge_llm_gym.env.batching:action_space,observation_space",
        "edge_llm_gym.env.continuous_batching:observation_space",
        "edge_llm_gym.env.batching_routing:action_space,observation_space",
        "edge_llm_gym.env.streaming:action_space,observation_space",
        "edge_llm_gym.env.step_info",
        "edge_llm_gym.sim.outcomes:Outcome",
        "edge_llm_gym.env.features",
        "edge_llm_gym.env.description",
        "edge_llm_gym.actions:ActionError",
    ),
    "scenarios": (
        "edge_llm_gym.scenario.loading",
        "edge_llm_gym.scenario.scenario",
        "edge_llm_gym.scenario.fields:ScenarioFields",
    ),
    "experts": ("edge_llm_gym.experts",),
    "live": ("edge_llm_gym.live",),
    "multiagent": (
        "edge_llm_gym.multiagent.parallel",
        "edge_llm_gym.multiagent.agents",
        "edge_llm_gym.multiagent.actions:action_space,joined_action,split_action",
        "edge_llm_gym.multiagent.observations",
        "edge_llm_gym.multiagent.rewards:REQUEST_METRICS",
        "edge_llm_gym.multiagent.policies",
    ),
    "decoding": ("edge_llm_gym.decoding",),
    "evaluation": (
        "edge_llm_gym.evaluation",
        "edge_llm_gym.evaluation.model_archive:ModelArchive",
        "edge_llm_gym.evaluation.benchmark",
        "edge_llm_gym.evaluation.benchmark.scores",
        "edge_llm_gym.evaluation.datasets",
        "edge_llm_gym.evaluation.statistics",
        "edge_llm_gym.evaluation.bounds",
    ),
    "codecs": (
        "edge_llm_gym.codecs",
        "edge_llm_gym.codecs.multidiscrete:BatchingMultiDiscrete,StreamingMultiDiscrete",
        "edge_llm_gym.codecs.box:BatchingBox,StreamingBox",
        "edge_llm_gym.codecs.priority:Priority",
        "edge_llm_gym.codecs.priced:Priced",
        "edge_llm_gym.codecs.weighted_priority",
        "edge_llm_gym.codecs.dispatch_rule",
        "edge_llm_gym.codecs.residual_routing",
        "edge_llm_gym.codecs.sequence:Sequence",
        "edge_llm_gym.codecs.wrappers",
        "edge_llm_gym.features",
        "edge_llm_gym.features.scales",
    ),
    "sb3": (
        "edge_llm_gym.sb3",
        "edge_llm_gym.sb3.trained_policy:DecodedPolicy",
        "edge_llm_gym.sb3.loading:load_policy,policy_factory",
        "edge_llm_gym.sb3.plain_archives:load_model",
        "edge_llm_gym.sb3.vec_env:NativeVecEnv",
        "edge_llm_gym.sb3.policies:SetPolicy,MaskableSetPolicy",
        "edge_llm_gym.sb3.network:SetNetwork",
        "edge_llm_gym.sb3.description:PolicyDescription,EnvironmentConfig,CodecConfig,PolicyConfig",
    ),
    "linear": ("edge_llm_gym.linear",),
    "lookahead": ("edge_llm_gym.lookahead",),
    "measuring": (
        "edge_llm_gym.measuring",
        "edge_llm_gym.measuring.processors:make_processor,Cpu,Cuda",
        "edge_llm_gym.measuring.session:Session",
        "edge_llm_gym.measuring.transformer:random_transformer,Transformer",
        "edge_llm_gym.measuring.kv_cache:KvCache",
    ),
    "problems": (
        "edge_llm_gym.problems.batch:BatchProblem",
        "edge_llm_gym.problems.assignment",
        "edge_llm_gym.problems.routing",
    ),
    "solvers": (
        "edge_llm_gym.solvers.dftsp",
        "edge_llm_gym.solvers.ot_gah",
        "edge_llm_gym.solvers.dto_ee",
        "edge_llm_gym.solvers.baselines",
        "edge_llm_gym.solvers.routing_baselines",
        "edge_llm_gym.solvers.reference",
        "edge_llm_gym.solvers.routing_reference",
        "edge_llm_gym.solvers.solutions",
    ),
    "models": (
        "edge_llm_gym.models.catalogue",
        "edge_llm_gym.models.llm",
        "edge_llm_gym.models.quantization",
        "edge_llm_gym.models.hardware",
        "edge_llm_gym.models.cost",
        "edge_llm_gym.models.cost_models",
        "edge_llm_gym.models.hardware_profiles",
        "edge_llm_gym.models.hardware_profiles.schema",
        "edge_llm_gym.models.timings",
        "edge_llm_gym.models.channel",
        "edge_llm_gym.models.exits",
    ),
    "workload": (
        "edge_llm_gym.workload.arrivals",
        "edge_llm_gym.workload.lengths",
        "edge_llm_gym.workload.traces",
        "edge_llm_gym.workload.trace_reading",
        "edge_llm_gym.workload.trace_source",
        "edge_llm_gym.workload.replay",
    ),
}
"""Page of the API reference -> its modules; a colon is followed by the members that the page lists."""
