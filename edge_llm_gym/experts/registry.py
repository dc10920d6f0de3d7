"""Experts by name."""

import inspect
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.decoding.composite import CompositeReader
from edge_llm_gym.decoding.streaming import StreamingReader
from edge_llm_gym.experts import batching as schedulers
from edge_llm_gym.experts.composite import CompositeExpert, RandomComposite
from edge_llm_gym.experts.policy import Assign, Expert, Policy
from edge_llm_gym.experts.routing import Baseline, DtoEe, Planner, RandomRouting, RoutingExpert
from edge_llm_gym.names import known_name, suggestion
from edge_llm_gym.scenario import Scenario

EXPERT_NODE_LIMIT = 1_000_000
FIXED_THRESHOLD = 0.5
"""Confidence at which requests leave where a baseline chooses none: of 0.3, 0.4, 0.5 and 0.8 the best on early-exit."""
STAGED_THRESHOLD = 0.25
"""The same in batching-and-routing dynamics: of 0.15, 0.2, 0.25, 0.3, 0.4 and 0.5 the best on joint."""
GENETIC_EPOCHS = 20
"""A genetic search takes about a hundred times as long as DTO-EE, so its plans hold for long."""


def _random(rng: np.random.Generator) -> Assign:
    return schedulers.UniformlyRandom(rng)


def _first_come(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("arrival", node_rule)


def _earliest_deadline(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("deadline", node_rule)


def _shortest_job(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("size", node_rule)


def _static_batch(batch_size: int = 8) -> Assign:
    return schedulers.StaticBatch(batch_size)


def _no_batch(node_rule: str = "earliest-finish") -> Assign:
    return schedulers.ListScheduler("arrival", node_rule, limit=1)


def _dftsp(node_limit: int = EXPERT_NODE_LIMIT) -> Assign:
    return schedulers.NodeByNode(node_limit)


def _ot_gah(node_limit: int = EXPERT_NODE_LIMIT, improve: bool = True) -> Assign:
    return schedulers.ResidualProfits(node_limit, improve)


def _milp(time_limit_s: float | None = None) -> Assign:
    return schedulers.Reference("milp", time_limit_s)


def _brute_force() -> Assign:
    return schedulers.Reference("brute-force")


def _dto_ee(max_rounds: int = 30) -> Planner:
    return DtoEe(max_rounds)


def _rule(name: str) -> Callable[..., Planner]:
    def rule(rng: np.random.Generator, threshold: float = FIXED_THRESHOLD) -> Planner:
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold is a confidence and must lie in [0, 1], got {threshold!r}")
        return Baseline(name, rng, threshold)

    return rule


EPOCH_EXPERTS: dict[str, Callable[..., Assign]] = {
    "random": _random,
    "fcfs": _first_come,
    "edf": _earliest_deadline,
    "sjf": _shortest_job,
    "stb": _static_batch,
    "nob": _no_batch,
    "dftsp": _dftsp,
    "ot-gah": _ot_gah,
    "milp": _milp,
    "brute-force": _brute_force,
}
STREAM_EXPERTS: dict[str, Callable[..., Planner]] = {
    "dto-ee": _dto_ee,
    "uniform": _rule("uniform"),
    "compute-proportional": _rule("compute-proportional"),
    "bandwidth-proportional": _rule("bandwidth-proportional"),
    "selfish": _rule("selfish"),
    "genetic": _rule("genetic"),
    "fixed-threshold": _rule("fixed-threshold"),
    "no-exit": _rule("no-exit"),
}
STAGED_BATCHERS = ("ot-gah", "dftsp", "sjf", "edf", "fcfs")
STAGED_ROUTERS = ("dto-ee", "fixed-threshold", "no-exit")
STAGED_PARTS: dict[str, tuple[str, str]] = {
    **{f"{batcher}+{router}": (batcher, router) for router in STAGED_ROUTERS for batcher in STAGED_BATCHERS},
    **{batcher: (batcher, "uniform") for batcher in STAGED_BATCHERS},
}
"""Composites of batching-and-routing dynamics: who makes the batches, and who routes what goes on and sets the thresholds."""
EXPERTS: dict[str, dict[str, Any]] = {
    "batching": {**EPOCH_EXPERTS},
    "streaming": {"random": RandomRouting, **STREAM_EXPERTS},
    "batching_routing": {"random": RandomComposite, **STAGED_PARTS},
}
"""Admission -> experts by name."""
DESCRIPTIONS: dict[str, str] = {
    "random": "every request waits or joins any node with equal probability; random weights and thresholds in streams",
    "fcfs": "first come, first served: feasible insertion in order of arrival",
    "edf": "earliest deadline first: feasible insertion in order of deadline",
    "sjf": "shortest job first: feasible insertion in order of size",
    "stb": "static batch: an idle node takes a fixed number of the oldest requests",
    "nob": "no batching: one request per node and epoch, the oldest that fits",
    "dftsp": "exact tree search, node by node",
    "ot-gah": "residual profits over all nodes with the exact search as oracle: a 1/2-approximation",
    "milp": "exact optimum of the epoch over all nodes by mixed-integer programming (slow; needs scipy)",
    "brute-force": "exact optimum of the epoch by enumeration (few requests only)",
    "dto-ee": "distributed routing and exit thresholds by marginal costs, from estimated rates and mix",
    "uniform": "equal shares over the links, one threshold for all",
    "compute-proportional": "shares in proportion to the receivers' service rates, one threshold for all",
    "bandwidth-proportional": "shares in proportion to the links' speed, one threshold for all",
    "selfish": "the equilibrium in which each request takes its own quickest way, one threshold for all",
    "genetic": "genetic search over shares and thresholds, replanned seldom",
    "fixed-threshold": "the routing of DTO-EE, one threshold for all",
    "no-exit": "the routing of DTO-EE where nobody leaves before the last stage",
} | {
    f"{batcher}+{router}": f"batches by {batcher}, forwarding and exits by {router}"
    for batcher, router in STAGED_PARTS.values()
    if router != "uniform"
}


def expert_names(env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario | None = None) -> list[str]:
    """Names that `make_expert` knows for an environment, or for any."""
    tables = EXPERTS.values() if env is None else [EXPERTS[scenario_of(env).dynamics]]
    return list(dict.fromkeys(name for table in tables for name in table))


def make_expert(
    name: str,
    env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario,
    *,
    seed: int | None = None,
    **settings: Any,
) -> Policy:
    """An expert for an environment (single, vector or wrapped) or a scenario.

    `seed` serves stochastic experts. In batching dynamics `overrun_s` says how far a batch may run past the time at which
    the next epoch's batches could begin, by default one epoch: without a limit experts fill a node for long with
    whatever is there now. In streaming dynamics `replan_every` says for how many epochs a plan holds. Batching-and-routing dynamics
    takes both, and `accuracy_worth_s`: how many seconds of mean delay a unit of accuracy is worth to the routing. Other
    settings are the expert's own, such as node_rule for "edf", batch_size for "stb", threshold for "uniform" and in
    batching-and-routing dynamics for whatever does not end in "+dto-ee".

    Raises ValueError for an unknown name and for an expert of another admission, TypeError for a setting that the
    expert does not have.
    """
    scenario = scenario_of(env)
    known_name("expert", name, expert_names())
    if name not in EXPERTS[scenario.dynamics]:
        raise ValueError(
            f"expert {name!r} does not serve admission {scenario.dynamics!r} of scenario {scenario.name!r}; choose "
            f"one of: {', '.join(expert_names(scenario))}"
        )
    return MAKERS[scenario.dynamics](name, scenario, np.random.default_rng(seed), settings)


def _make_epoch_expert(name: str, scenario: Scenario, rng: np.random.Generator, settings: dict[str, Any]) -> Expert:
    overrun_s = settings.pop("overrun_s", None)
    reader = BatchingReader(scenario, scenario.epoch_s if overrun_s is None else overrun_s)
    return Expert(name, reader, _built(name, EPOCH_EXPERTS[name], rng, settings, ("overrun_s",)))


def _make_stream_expert(name: str, scenario: Scenario, rng: np.random.Generator, settings: dict[str, Any]) -> Policy:
    reader = StreamingReader(scenario)
    if name == "random":
        return RandomRouting(reader, _built(name, lambda rng: rng, rng, settings))
    every = settings.pop("replan_every", GENETIC_EPOCHS if name == "genetic" else 1)
    return RoutingExpert(name, reader, _built(name, STREAM_EXPERTS[name], rng, settings, ("replan_every",)), every)


def _make_staged_expert(name: str, scenario: Scenario, rng: np.random.Generator, settings: dict[str, Any]) -> Policy:
    overrun_s = settings.pop("overrun_s", None)
    worth = {key: settings.pop(key) for key in ("accuracy_worth_s",) if key in settings}
    reader = CompositeReader(scenario, scenario.epoch_s if overrun_s is None else overrun_s, **worth)
    if name == "random":
        return RandomComposite(reader, _built(name, lambda rng: rng, rng, settings))
    every = settings.pop("replan_every", 1)
    batcher, router = EPOCH_EXPERTS[STAGED_PARTS[name][0]], STREAM_EXPERTS[STAGED_PARTS[name][1]]
    if "threshold" in inspect.signature(router).parameters:
        settings.setdefault("threshold", STAGED_THRESHOLD)
    routing = {key: settings.pop(key) for key in inspect.signature(router).parameters if key in settings}
    others = ("overrun_s", "accuracy_worth_s", "replan_every", *inspect.signature(router).parameters)
    assign = _built(name, batcher, rng, settings, others)
    planner = _built(name, router, rng, routing)
    return CompositeExpert(name, reader, assign, planner, every, tries_levels=STAGED_PARTS[name][1] == "dto-ee")


MAKERS: dict[str, Callable[[str, Scenario, np.random.Generator, dict[str, Any]], Policy]] = {
    "batching": _make_epoch_expert,
    "streaming": _make_stream_expert,
    "batching_routing": _make_staged_expert,
}


def _built(
    name: str,
    factory: Callable[..., Any],
    rng: np.random.Generator,
    settings: dict[str, Any],
    others: tuple[str, ...] = (),
) -> Any:
    """What the factory makes of its settings. Raises TypeError for one that neither it nor its like has."""
    known = inspect.signature(factory).parameters
    for setting in settings:
        if setting not in known or setting == "rng":
            own = [*(each for each in known if each != "rng"), *others]
            raise TypeError(f"expert {name!r} has no setting {setting!r}; {suggestion(setting, own)}")
    return factory(**({"rng": rng} if "rng" in known else {}), **settings)


def scenario_of(env: gymnasium.Env | gymnasium.vector.VectorEnv | Scenario) -> Scenario:
    """The scenario behind an environment, through any wrappers."""
    scenario = env if isinstance(env, Scenario) else getattr(getattr(env, "unwrapped", None), "scenario", None)
    if not isinstance(scenario, Scenario):
        raise TypeError(f"an expert is made from an Edge LLM Gym environment or a Scenario, got {env!r}")
    return scenario
