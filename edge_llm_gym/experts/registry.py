"""Construction of experts by name, with their settings checked."""

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from edge_llm_gym.decoding.batching import checked_overrun_s
from edge_llm_gym.decoding.composite import ACCURACY_WEIGHT_S, CompositeReader
from edge_llm_gym.decoding.energy_price import FREE, EnergyPrice, energy_price
from edge_llm_gym.decoding.readers import batch_reader
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts.batch_expert import BatchExpert
from edge_llm_gym.experts.catalogue import (
    BATCH_SCHEDULERS,
    BATCHING_ROUTING_THRESHOLD,
    COMPOSITES,
    DESCRIPTIONS,
    GENETIC_REPLAN_EPOCHS,
    NAMES,
    RANDOM,
    ROUTING_PLANNERS,
)
from edge_llm_gym.experts.composite import CompositeExpert, CompositeParts
from edge_llm_gym.experts.policy import Policy
from edge_llm_gym.experts.random_policy import random_batching_routing, random_streaming
from edge_llm_gym.experts.routing import RoutingExpert
from edge_llm_gym.experts.threads import in_threads
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.scenario import Scenario, scenario_of

Settings = dict[str, Any]
ENERGY_PRICE: Final = "energy_price"
"""Setting of the experts that form batches."""
NUM_THREADS: Final = "num_threads"
"""The same; not of random decisions, whose numbers are drawn in order."""
OF_READERS: Final = ("overrun_s", "quantile")
"""Settings of what reads batch problems, also for random decisions."""
OF_BATCHES: Final = (*OF_READERS, ENERGY_PRICE, NUM_THREADS)
"""Settings of all experts that form batches and decide not at random."""
OF_COMPOSITES: Final = ("accuracy_weight_s", "wait_factor")
"""What experts of batching-and-routing dynamics take besides, also for random decisions."""
EnvLike = Any
"""A single, vector or wrapped environment of this package, or a Scenario."""


def expert_names(env: EnvLike | None = None) -> list[str]:
    """Names that `make_expert` accepts for an environment or scenario, or for any of them."""
    tables = NAMES.values() if env is None else [NAMES[scenario_of(env).dynamics]]
    return list(dict.fromkeys(name for names in tables for name in names))


def expert_descriptions(env: EnvLike | None = None) -> dict[str, str]:
    """One line about each expert of an environment or scenario, or about all experts, by name."""
    return {name: DESCRIPTIONS[name] for name in expert_names(env)}


def expert_settings(name: str, env: EnvLike) -> list[str]:
    """Names of the settings that `make_expert` takes for an expert of an environment or scenario.

    Raises ValueError as `make_expert`.
    """
    scenario = _served(name, env)
    of_batches = OF_READERS if name == RANDOM else OF_BATCHES
    if scenario.dynamics == "batching":
        return [*of_batches, *_settings_of(BATCH_SCHEDULERS[name])]
    if scenario.dynamics == "streaming":
        return [] if name == RANDOM else ["replan_every", "wait_factor", *_settings_of(ROUTING_PLANNERS[name])]
    shared = [*of_batches, *OF_COMPOSITES]
    return shared if name == RANDOM else [*shared, "replan_every", *_composite_settings(name)]


def make_expert(name: str, env: EnvLike, *, seed: int | None = None, **settings: Any) -> Policy:
    """An expert for an environment or a scenario.

    Args:
        name: one of `expert_names(env)`.
        env: a single, vector or wrapped environment, or a Scenario.
        seed: seed of the generator of stochastic experts.
        **settings: settings of the expert.

    | setting | experts | meaning | default |
    |---|---|---|---|
    | `overrun_s` | that form batches | longest run past the earliest start of the next batch, in s | one epoch |
    | `quantile` | that form batches | plan with this quantile of the output tokens, given the prediction | prediction |
    | `node_rule` | fcfs, edf, sjf, nob | rule that picks the node of a request | "earliest-finish" |
    | `num_threads` | that form batches | threads over which the rows of a batch of observations are split | 1 |
    | `batch_size` | stb | size of a static batch | 8 |
    | `node_limit` | dftsp, ot-gah | limit on search nodes per decision | 1,000,000 |
    | `improve` | ot-gah | whether an improvement by request prices follows | True |
    | `time_limit_s` | milp | limit on the time per decision | none |
    | `replan_every` | that plan routes | number of epochs that a plan holds | 1; 20 for genetic |
    | `max_rounds` | dto-ee, *+dto-ee | limit on the rounds per plan | 30 |
    | `threshold` | all other planners | exit threshold of all nodes | 0.6; 0.5 where routes and batches are planned |
    | `wait_factor` | that plan routes | mean waits over those of M/G/1 queues | estimated; 1 with batches |
    | `accuracy_weight_s` | of batching-and-routing | seconds of mean delay per unit of relative accuracy | 20 |
    | `energy_price` | that form batches | price of energy in value per J | weight of energy / of value in the reward |

    Raises ValueError for an unknown name, an expert of other dynamics and a setting out of range, and TypeError for a
    setting that the expert does not have and for an `env` of another kind.
    """
    scenario = _served(name, env)
    return MAKERS[scenario.dynamics](name, scenario, np.random.default_rng(seed), settings)


def _served(name: str, env: EnvLike) -> Scenario:
    """The scenario of an environment that the expert serves. Raises ValueError for an unknown or another expert."""
    scenario = scenario_of(env)
    known_name("expert", name, expert_names())
    if name not in NAMES[scenario.dynamics]:
        raise ValueError(
            f"expert {name!r} does not serve dynamics {scenario.dynamics!r} of scenario {scenario.name!r}; choose "
            f"one of: {', '.join(expert_names(scenario))}"
        )
    return scenario


def _make_batching(name: str, scenario: Scenario, rng: np.random.Generator, settings: Settings) -> Policy:
    overrun_s = checked_overrun_s(scenario, settings.pop("overrun_s", None))
    price = _energy_price(name, scenario, settings)
    reader = batch_reader(scenario, overrun_s, settings.pop("quantile", None), price)
    threads = {} if name == RANDOM else _taken(settings, NUM_THREADS)
    assign = in_threads(_built(name, BATCH_SCHEDULERS[name], rng, settings, OF_BATCHES), **threads)
    return BatchExpert(name, reader, assign, random=name == RANDOM)


def _taken(settings: Settings, key: str) -> Settings:
    """A setting, which is taken out of the others; empty if it is not given."""
    return {key: settings.pop(key)} if key in settings else {}


def _energy_price(name: str, scenario: Scenario, settings: Settings) -> EnergyPrice:
    """The price of energy that an expert plans with; random decisions have none."""
    return FREE if name == RANDOM else energy_price(scenario, settings.pop(ENERGY_PRICE, None))


def _make_streaming(name: str, scenario: Scenario, rng: np.random.Generator, settings: Settings) -> Policy:
    if name == RANDOM:
        return random_streaming(scenario, _built(name, _own_generator, rng, settings))
    every = settings.pop("replan_every", GENETIC_REPLAN_EPOCHS if name == "genetic" else 1)
    reader = StreamingReader(scenario, settings.pop("wait_factor", None))
    planner = _built(name, ROUTING_PLANNERS[name], rng, settings, ("replan_every", "wait_factor"))
    return RoutingExpert(name, reader, planner, every)


def _make_batching_routing(name: str, scenario: Scenario, rng: np.random.Generator, settings: Settings) -> Policy:
    overrun_s = checked_overrun_s(scenario, settings.pop("overrun_s", None))
    accuracy_weight_s = settings.pop("accuracy_weight_s", ACCURACY_WEIGHT_S)
    quantile, wait_factor = settings.pop("quantile", None), settings.pop("wait_factor", 1.0)
    price = _energy_price(name, scenario, settings)
    reader = CompositeReader(scenario, overrun_s, accuracy_weight_s, quantile, wait_factor, price)
    if name == RANDOM:
        return random_batching_routing(scenario, _built(name, _own_generator, rng, settings))
    return CompositeExpert(name, reader, _composite_parts(name, rng, settings))


def _composite_parts(name: str, rng: np.random.Generator, settings: Settings) -> CompositeParts:
    """The scheduler and the planner of a composite expert, each with its own part of the settings."""
    every, threads = settings.pop("replan_every", 1), _taken(settings, NUM_THREADS)
    scheduler_name, planner_name = COMPOSITES[name]
    planner_keys = _settings_of(ROUTING_PLANNERS[planner_name])
    if "threshold" in planner_keys:
        settings.setdefault("threshold", BATCHING_ROUTING_THRESHOLD)
    planner_settings = {key: settings.pop(key) for key in planner_keys if key in settings}
    others = (*OF_BATCHES, *OF_COMPOSITES, "replan_every", *planner_keys)
    return CompositeParts(
        assign=in_threads(_built(name, BATCH_SCHEDULERS[scheduler_name], rng, settings, others), **threads),
        planner=_built(name, ROUTING_PLANNERS[planner_name], rng, planner_settings),
        replan_every=every,
        tries_levels=planner_name == "dto-ee",
    )


Maker = Callable[[str, Scenario, np.random.Generator, Settings], Policy]
MAKERS: Final[Mapping[str, Maker]] = MappingProxyType(
    {"batching": _make_batching, "streaming": _make_streaming, "batching_routing": _make_batching_routing}
)
"""Dynamics -> constructor of its experts."""
RNG: Final = "rng"
"""Parameter of a factory that takes the expert's generator; not a setting."""


def _own_generator(rng: np.random.Generator) -> np.random.Generator:
    """Factory of the random baseline, which has no settings."""
    return rng


def _composite_settings(name: str) -> list[str]:
    """Names of the settings of the scheduler and of the planner of a composite expert."""
    scheduler, planner = COMPOSITES[name]
    return [*_settings_of(BATCH_SCHEDULERS[scheduler]), *_settings_of(ROUTING_PLANNERS[planner])]


def _settings_of(factory: Callable[..., Any]) -> list[str]:
    """Names of the settings of a factory."""
    parameters = inspect.signature(factory).parameters.values()
    return [one.name for one in parameters if one.name != RNG and one.kind is not inspect.Parameter.KEYWORD_ONLY]


def _built(
    name: str, factory: Callable[..., Any], rng: np.random.Generator, settings: Settings, others: tuple[str, ...] = ()
) -> Any:
    """Calls a factory with its settings. Raises TypeError for a setting that neither it nor `others` names."""
    known = _settings_of(factory)
    for setting in settings:
        if setting not in known:
            hint = suggestion(setting, [*known, *others]) if known or others else "it has no settings"
            raise TypeError(f"expert {name!r} has no setting {setting!r}; {hint}")
    takes_rng = RNG in inspect.signature(factory).parameters
    return factory(**({RNG: rng} if takes_rng else {}), **settings)
