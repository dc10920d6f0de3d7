"""What the page of the study of streams has of its own: savings, a disturbance in mid-run, the trade-off, numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from textwrap import fill as wrapped
from typing import Any, Final

import numpy as np

from edge_llm_gym.arrays import Array
from edge_llm_gym.evaluation.reproduce.measures import ACCURACY, DELAY, MEASURES, Form, decimals, percent
from edge_llm_gym.evaluation.reproduce.routing import GENETIC_EPOCHS, POOL_RATE_PER_S, POOLS, SELFISH_EPOCHS, STAGES
from edge_llm_gym.evaluation.reproduce.routing_claims import rivalries
from edge_llm_gym.evaluation.reproduce.routing_figures import figures
from edge_llm_gym.evaluation.reproduce.run import RoutingReproduction, SweepResult
from edge_llm_gym.evaluation.reproduce.tables import (
    Parts,
    Pictures,
    cell,
    markdown_table,
    paragraphs,
    picture,
    sweep_table,
)
from edge_llm_gym.evaluation.statistics import Interval, bootstrap_mean
from edge_llm_gym.experts.catalogue import STREAMING_THRESHOLD

fill = partial(wrapped, width=120, break_long_words=False, break_on_hyphens=False)
_LAST_POOLS: Final = [[POOLS[-1][node] for node in stage] for stage in STAGES]
_TOTALS: Final = [sum(pools) for pools in _LAST_POOLS]
_BASELINES: Final = (
    f"Delays are response delays, from a request's arrival to the end of its answer, of all that arrive. "
    f"`fixed-threshold` and `no-exit` have the routing of DTO-EE, the one with a threshold of {STREAMING_THRESHOLD} "
    f"everywhere, the other without exits before the last stage. The other rules route in their own way at a threshold "
    f"of {STREAMING_THRESHOLD}, the best on the scenario as it is: the baselines are tuned. Where requests leave depends "
    f"on thresholds alone, so rules with the same one are equally accurate and their lines coincide. `genetic` "
    f"searches shares and thresholds. All see what DTO-EE sees and estimate rates, mix and speeds as it does. All plan "
    f"anew each epoch but two, whose plans take long to make: `selfish` plans every {SELFISH_EPOCHS} epochs, `genetic` "
    f"every {GENETIC_EPOCHS}."
)
_WEIGHT: Final = (
    "DTO-EE maximises accuracy weight times accuracy minus mean delay, with a weight of 20 s: a fifth of a second is "
    "worth one point. Where load is low it buys accuracy with delay, where load is high it gives some up. So delay "
    "alone does not tell who is better; the last section compares at equal accuracy."
)
_SWEEP_NOTES: Final[Mapping[str, str]] = {
    "rate": "Mean rates of all devices; the scenario's day cycle and drift difficulty_shift about them. Rules that overload a "
    "node fall behind by much, since its queue grows for as long as they do.",
    "spread": f"Every node is a pool of identical devices, {_TOTALS[0]} in all cells, {_TOTALS[1]} in all "
    f"hubs, {_TOTALS[2]} in both centres, so that the compute of a stage is the same in every column. In the first "
    f"column the pools of a stage are equal, in the last they are {' then '.join(map(str, _LAST_POOLS))}. "
    f"{POOL_RATE_PER_S:g} requests arrive per second.",
}
_TRADEOFF: Final = (
    "The scenario as it is. DTO-EE at several accuracy weights, its routing at several fixed thresholds, and the other "
    "baselines. The last two columns read DTO-EE's curve at the baseline's accuracy and at its delay, straight between "
    "the measured weights; a dash marks what no weight reaches."
)


def _scenario_note(run: RoutingReproduction) -> str:
    study = run.study
    return (
        f"Scenario `{study.scenario}` on `{study.environment}`, which is ours ([early exit](early-exit.md) describes\n"
        f"it), with a measured exit profile."
    )


def _sweep(run: RoutingReproduction, result: SweepResult) -> Iterator[str]:
    yield from paragraphs(fill(_SWEEP_NOTES[result.sweep.key]))
    for measure in run.study.measures:
        yield from sweep_table(run, result, measure)
    yield from _saving_table(run, result)


def _saving_table(run: RoutingReproduction, result: SweepResult) -> Iterator[str]:
    """A row per policy that is not DTO-EE, a column per setting."""
    own, points = run.study.scheduler, range(len(result.sweep.points))
    others = [policy for policy, _ in run.study.policies if policy != own]
    rows = [
        (policy, *(cell(result.saving(point, own, policy, DELAY), percent) for point in points)) for policy in others
    ]
    yield from paragraphs(f"Mean delay that {run.study.label} saves against each, tape by tape:")
    yield from markdown_table(("against", *(point.label for point in result.sweep.points)), rows)


def _body(run: RoutingReproduction, pictures: Pictures) -> Iterator[str]:
    yield from paragraphs("## A node slows down", *picture(pictures, "disturbance"), fill(_disturbance_note(run)))
    yield from _disturbance_tables(run)
    yield from paragraphs("## Delay against accuracy", *picture(pictures, "tradeoff"), fill(_TRADEOFF))
    yield from _tradeoff_table(run)


def _disturbance_note(run: RoutingReproduction) -> str:
    how = run.disturbed.disturbance
    slowed = how.phases["slowed"]
    return (
        f"In epochs {slowed.start} to {slowed.stop - 1} of {how.horizon_epochs} all services of `{how.node_name}` take "
        f"{how.factor:g} times as long. The mix is easiest at the start and at the end and hardest in the middle; "
        f"{how.rate_per_s:g} requests arrive per second, as a Poisson process. `dto-ee` goes on from its last plan. "
        f"Two variants show what that is worth, and count as no baselines: one starts anew each epoch, with up to 100 "
        f"rounds, the other never plans again. `genetic` meets the slow node with its old plan until it plans again. "
        f"Requests belong to the epoch of their arrival."
    )


def _disturbance_tables(run: RoutingReproduction) -> Iterator[str]:
    disturbed = run.disturbed
    for measure, samples in ((DELAY, disturbed.delay_s), (ACCURACY, disturbed.accuracy)):
        how, phases = MEASURES[measure], disturbed.disturbance.phases
        means = {name: [bootstrap_mean(samples(name, phase)) for phase in phases] for name in disturbed.traces}
        best = [max(row[place].mean * how.sign for row in means.values()) for place in range(len(phases))]
        rows = [
            (name, *(cell(mean, how.form, how.sign * mean.mean == top) for mean, top in zip(row, best, strict=True)))
            for name, row in means.items()
        ]
        yield from paragraphs(f"{how.title} by phase:")
        yield from markdown_table(("policy", *phases), rows)


def _tradeoff_table(run: RoutingReproduction) -> Iterator[str]:
    found = rivalries(run)
    rows = []
    for name, _ in run.study.tradeoff_policies:
        delay, accuracy = (run.tradeoff.mean(0, name, measure) for measure in (DELAY, ACCURACY))
        ends = ("", "")
        if name in found:
            ends = _reached(found[name].saving(), percent), _reached(found[name].gain(), _points)
        rows.append((name, cell(delay, decimals(2)), cell(accuracy, percent), *ends))
    header = ("policy", "mean delay [s]", "accuracy", "delay saved at its accuracy", "points gained at its delay")
    yield from markdown_table(header, rows)


def _points(number: float) -> str:
    return f"{100 * number:+.2f}"


def _reached(interval: Interval, form: Form) -> str:
    return "-" if np.isnan(interval.mean) else cell(interval, form)


def _records(run: RoutingReproduction) -> dict[str, Any]:
    disturbed, names = run.disturbed, [name for name, _ in run.study.tradeoff_policies]
    return {
        "disturbance": [
            {"policy": name, "phase": phase}
            | {DELAY: _plain(disturbed.delay_s(name, phase)), ACCURACY: _plain(disturbed.accuracy(name, phase))}
            for name in disturbed.traces
            for phase in disturbed.disturbance.phases
        ],
        "tradeoff": [
            {"policy": name} | {measure: asdict(run.tradeoff.mean(0, name, measure)) for measure in (DELAY, ACCURACY)}
            for name in names
        ],
    }


def _plain(samples: Array) -> dict[str, float]:
    return asdict(bootstrap_mean(samples))


ROUTING_PARTS: Final = Parts(
    source_note="Only the abstract was at hand: scheduler, scenario and baselines are our reconstruction of it, and "
    "neither\nequations nor curves of the paper are claimed.",
    scenario_note=_scenario_note,
    reading=lambda run: (fill(_BASELINES), fill(_WEIGHT)),
    sweep=_sweep,
    body=_body,
    figures=figures,
    records=_records,
)
