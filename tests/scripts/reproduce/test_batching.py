"""The two studies of batch schedulers: valid settings, reference counts by hand, verdicts in both directions."""

from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from edge_llm_gym.decoding.batching import BatchingReader
from edge_llm_gym.evaluation.compare import Comparison
from edge_llm_gym.problems import BatchProblem
from edge_llm_gym.problems.random_instances import FAMILIES
from edge_llm_gym.scenario import load_scenario, scenario_of
from edge_llm_gym.sim.request_costs import RequestCosts
from scripts.reproduce import dftsp, ot_gah
from scripts.reproduce.batching import BatchingResults
from scripts.reproduce.claims import AGREES, DISAGREES, IN_PART, count_better_episodes
from scripts.reproduce.measures import SHARE, THROUGHPUT
from scripts.reproduce.page import page_text
from scripts.reproduce.plain_search import plain_depth_first_nodes
from scripts.reproduce.running import SweepResult
from scripts.reproduce.search_effort import Effort, epoch_problems

REPRODUCTIONS = {one.study.name: one for one in (dftsp.REPRODUCTION, ot_gah.REPRODUCTION)}
STUDIES = {name: one.study for name, one in REPRODUCTIONS.items()}
PAPER_SCENARIOS = ("paper-single-node", "paper-multi-node")


@pytest.mark.parametrize("name", PAPER_SCENARIOS)
@pytest.mark.parametrize("model", ["bloom-3b", "bloom-7.1b", "opt-13b"])
@pytest.mark.parametrize("method", ["w8a16", "w4a16-gptq", "w4a16-rtn"])
def test_every_model_and_method_can_serve_the_longest_request(name, model, method):
    nodes = range(len(load_scenario(name).nodes))
    scenario = load_scenario(name, {"model": model} | {f"nodes.{node}.quantization": method for node in nodes})
    costs = RequestCosts(scenario)
    work_s, shared_s, kv_bytes = costs.costs(np.array([512]), np.array([512]))
    slots_s = scenario.uplink_slot_s + scenario.downlink_slot_s
    assert (work_s + slots_s < scenario.max_budget_s).all()
    assert (shared_s == 0).all()
    assert (kv_bytes <= [node.kv_capacity_bytes for node in costs.nodes]).all()


def test_the_reduced_formula_by_hand():
    scenario = load_scenario("paper-single-node")
    work_s, _, _ = RequestCosts(scenario).costs(np.array([128]), np.array([256]))
    d, s, n, layers = 2560, 512, 256, 30  # the prompt is padded to 512 and no language-model head counts
    prefill = 8 * s * d**2 + 4 * s**2 * d + 16 * s * d**2
    decode = (n - 1) * (8 * d**2 + 4 * d * (s + n / 2) + 16 * d**2)
    assert work_s[0, 0] == pytest.approx(layers * (prefill + decode) / (20 * 1.33e12), rel=1e-9)


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_no_request_waits_for_a_second_epoch_or_is_hidden(study):
    busiest = study.sweeps[0].points[-1].overrides
    env = gymnasium.make(study.environment, **study.shortened().settings(busiest))
    reader = BatchingReader(scenario_of(env))
    observation, _ = env.reset(seed=0)
    idle = {key: np.zeros(space.shape, space.dtype) for key, space in env.action_space.items()}
    truncated = False
    while not truncated:
        waited_s = reader.read(observation).waiting_s
        assert 0 < waited_s.max() <= load_scenario(study.scenario).epoch_s
        observation, _, _, truncated, info = env.step(idle)
        assert info["metrics"]["pending"] > 20
        assert info["metrics"]["hidden"] == 0


@pytest.mark.parametrize("study", STUDIES.values(), ids=STUDIES)
def test_settings_of_every_sweep_are_valid_and_labels_differ(study):
    for sweep in study.sweeps:
        assert len({point.label for point in sweep.points}) == len(sweep.points)
        for point in sweep.points:
            settings = study.settings(point.overrides)
            scenario = load_scenario(settings["scenario"], settings["overrides"])
            assert scenario.horizon_epochs == study.horizon_epochs
    assert study.scheduler not in study.baselines
    assert set(study.baselines) == {"sjf", "fcfs", "edf", "stb", "nob", "random"}


def count_by_recursion(problem: BatchProblem, chosen: np.ndarray, request: int = 0) -> int:
    """Nodes of the take-or-leave tree below a feasible set; an infeasible child counts and is not entered."""
    if request == problem.request_count:
        return 1
    taken = chosen.copy()
    taken[request] = True
    below = count_by_recursion(problem, taken, request + 1) if problem.feasible(taken) else 1
    return 1 + below + count_by_recursion(problem, chosen, request + 1)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_search_counts_as_a_recursion_does(family):
    rng = np.random.default_rng(7)
    for _ in range(20):
        problem = FAMILIES[family](rng, int(rng.integers(1, 9)))
        keep = problem.feasible_alone()
        alone = [problem.feasible(np.arange(problem.request_count) == i) for i in range(problem.request_count)]
        assert keep.tolist() == alone
        arrays = {key: value[keep] for key, value in vars(problem).items() if isinstance(value, np.ndarray)}
        part = replace(problem, **arrays)
        assert plain_depth_first_nodes(problem) == count_by_recursion(part, np.zeros(keep.sum(), np.bool_))


def test_plain_search_visits_the_whole_tree_where_no_limit_binds():
    zeros = np.zeros(6)
    problem = BatchProblem(zeros, zeros, zeros, zeros, zeros, np.ones(6), np.ones(6), np.inf, np.inf)
    assert plain_depth_first_nodes(problem) == 2**7 - 1
    assert plain_depth_first_nodes(problem, node_limit=10) == 10


def test_there_is_one_problem_per_epoch_and_empty_ones_are_left_out():
    study = STUDIES["dftsp"].shortened()
    assert epoch_problems(study, 1e-6, seed=0) == []
    problems = epoch_problems(study, 20.0, seed=0)
    assert len(problems) == study.horizon_epochs
    assert all(problem.nodes[0].feasible_alone().any() for problem in problems)


def comparison(served: dict[str, list[float]]) -> Comparison:
    """Episodes of 10 epochs with 40 arrivals each."""
    episodes = {
        policy: tuple(
            {"on_time": count / 40, "arrived": 40.0, "steps": 10.0, "served_value": count} for count in counts
        )
        for policy, counts in served.items()
    }
    return Comparison("EdgeLLM/SingleNode-v0", tuple(range(len(next(iter(served.values()))))), episodes)


def results_of(name: str, served: dict[str, list[float]], **record: float) -> BatchingResults:
    """Made-up results of one setting, with one problem per seed. `others` holds for policies that are not named."""
    study = STUDIES[name]
    sweep = replace(study.sweeps[0], points=study.sweeps[0].points[:1])
    of_policies = {policy: served.get(policy, served["others"]) for policy, _ in study.policies}
    seeds = len(served["others"])
    effort = Effort(5.0, ((record,),) * seeds)
    result = SweepResult(sweep, (comparison(of_policies),), epoch_s=2.0)
    return BatchingResults(study, tuple(range(seeds)), (result,), (effort,))


SINGLE = {
    "requests": 3,
    "proved": 1,
    "checked": 1,
    "optimal": 1,
    "dftsp_nodes": 2,
    "depth_first_nodes": 11,
    "subsets": 8,
}
MANY = {"requests": 3, "proved": 1, "optimal": 0, "improved_optimal": 1, "ratio": 0.6, "improved_ratio": 1.0}


def test_throughput_and_share_by_hand():
    (result,) = results_of("dftsp", {"dftsp": [8, 12], "others": [4, 6]}, **SINGLE).sweeps
    assert result.samples(0, "dftsp", THROUGHPUT).tolist() == [0.4, 0.6]
    assert result.samples(0, "dftsp", SHARE).tolist() == [0.2, 0.3]
    lead = result.lead(0, "dftsp", ("sjf", "edf"), THROUGHPUT)
    assert (lead.mean, lead.low, lead.high) == pytest.approx((0.25, 0.2, 0.3))


@pytest.mark.parametrize(
    ("own", "change", "verdicts"),
    [
        ([8, 12], {}, [AGREES, AGREES, AGREES]),
        ([4, 6], {}, [AGREES, DISAGREES, AGREES]),
        ([2, 3], {}, [AGREES, DISAGREES, AGREES]),
        ([8, 12], {"optimal": 0}, [IN_PART, AGREES, AGREES]),
        ([8, 12], {"optimal": 0, "proved": 0}, [DISAGREES, AGREES, AGREES]),
        ([8, 12], {"dftsp_nodes": 5}, [AGREES, AGREES, DISAGREES]),
    ],
)
def test_verdicts_on_dftsp_follow_the_numbers(own, change, verdicts):
    results = results_of("dftsp", {"dftsp": own, "others": [4, 6]}, **(SINGLE | change))
    assert [claim.verdict for claim in REPRODUCTIONS["dftsp"].judge(results)] == verdicts


@pytest.mark.parametrize(("ratio", "verdict"), [(0.5, AGREES), (0.49, DISAGREES)])
def test_verdict_on_the_guarantee_follows_the_worst_ratio(ratio, verdict):
    results = results_of("ot-gah", {"ot-gah": [8, 12], "others": [4, 6]}, **(MANY | {"ratio": ratio}))
    assert [claim.verdict for claim in REPRODUCTIONS["ot-gah"].judge(results)] == [verdict, AGREES]


def test_episodes_that_serve_more_on_the_same_seed_are_counted():
    results = results_of("dftsp", {"dftsp": [8, 5], "sjf": [4, 6], "others": [4, 5]}, **SINGLE)
    assert count_better_episodes(results) == (1, 12)


def test_the_page_states_the_settings_without_a_lead():
    results = results_of("dftsp", {"dftsp": [8, 12], "others": [4, 6]}, **SINGLE)
    tied, behind = (
        comparison({name: own if name == "dftsp" else [4, 6] for name in results.study.policy_names})
        for own in ([4, 6], [2, 3])
    )
    sweeps = tuple(
        SweepResult(sweep, (results.sweeps[0].comparisons[0], tied, behind, tied, tied, tied)[: len(sweep.points)], 2.0)
        for sweep in results.study.sweeps
    )
    pictures = dict.fromkeys(("rate", "budget", "quantisation", "effort"), "x.png")
    page = page_text(REPRODUCTIONS["dftsp"], replace(results, sweeps=sweeps), pictures, "command")
    assert "In 5 of 20 settings it is ahead of the best baseline" in page
    assert "No difference is significant at Arrival rate: 5; Arrival rate: 20; " in page
    assert "It is behind at Arrival rate: 10; Latency budget: 2; Quantisation of BLOOM-3B: W4A16 RTN; " in page
    assert "all subsets: in 2 of them" in page
