"""How reports present the metrics of each dynamics: score, columns of the tables, panels of the figures."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from edge_llm_gym.scenario import Scenario

EXACT: Final = "dftsp"
"""Expert that finds the best batch of a single node."""
PLAIN: Final = "{:.4g}"
"""Format of a metric without a column."""
Columns = tuple[tuple[str, str, str], ...]
"""(metric, title, format) of every column."""


@dataclass(frozen=True)
class ReportLayout:
    """How comparisons of one dynamics are presented."""

    score: str
    """Metric by which policies are ranked and paired; more is better."""
    score_title: str
    headline: tuple[str, str, str]
    """First column, shown with its interval: metric, title, format."""
    columns: Columns
    cause_title: str
    cause_columns: Columns
    scarcity_title: str
    scarcity_columns: Columns
    """What kept requests from being served (`evaluation.causes`): a total, then its parts."""
    scarcity_note: str
    panels: tuple[tuple[str, str], ...]
    """(metric, title) of the panels of the figure."""
    policies: str
    """Policies that `compare` takes by default, separated by commas."""

    @property
    def titles(self) -> dict[str, tuple[str, str]]:
        """Title and format of every metric that has a panel or a column, or is the score."""
        columns = (self.headline, (self.score, self.score_title, "{:.1f}"), *self.columns, *self.cause_columns)
        formats = {name: form for name, _, form in columns}
        named = {name: title for name, title, _ in columns} | dict(self.panels)
        return {name: (title, formats.get(name, PLAIN)) for name, title in named.items()}

    def described(self, metric: str) -> tuple[str, str]:
        """Title and format of a metric; its name where it has no title."""
        return self.titles.get(metric, (metric, PLAIN))


_CAUSES: Columns = (
    ("arrived", "arrived", "{:.1f}"),
    ("late", "late", "{:.1f}"),
    ("evicted", "evicted", "{:.1f}"),
    ("below_quality", "below quality", "{:.1f}"),
    ("expired", "expired", "{:.1f}"),
    ("refused_uplink", "refused: uplink", "{:.1f}"),
    ("refused_downlink", "refused: downlink", "{:.1f}"),
    ("refused_memory", "refused: memory", "{:.1f}"),
)
_DELAYS: Columns = (("delay_p50_s", "p50 [s]", "{:.2f}"), ("delay_p95_s", "p95 [s]", "{:.2f}"))
_ENERGY: Columns = (("energy_per_served_j", "J/served", "{:.0f}"),)
_TOKENS: Columns = (
    ("mean_ttft_s", "TTFT [s]", "{:.2f}"),
    ("mean_tpot_s", "TPOT [s]", "{:.3f}"),
    ("goodput_per_s", "goodput [1/s]", "{:.2f}"),
)
_TIMES: Columns = (("utilisation", "utilisation", "{:.0%}"), ("decision_ms", "ms/decision", "{:.2f}"))
_ON_TIME: Columns = (("on_time", "on time", "{:.1%}"),)
_QUALITY: Columns = (("quality", "quality", "{:.3f}"),)
_POOLED_CAUSES = "requests and refusals per episode, by cause"
_POOLED_SCARCITY: Columns = (
    ("expired", "expired", "{:.1f}"),
    ("expired_time", "time", "{:.1f}"),
    ("expired_memory", "memory", "{:.1f}"),
    ("expired_uplink", "uplink", "{:.1f}"),
    ("expired_downlink", "downlink", "{:.1f}"),
    ("expired_quality", "quality", "{:.1f}"),
    ("expired_slots", "no slot", "{:.1f}"),
    ("expired_room", "had room", "{:.1f}"),
)
_SCARCITY_TITLE = "expired requests per episode, by what kept them out of batches"
_SCARCITY_NOTE = (
    "time: deadlines; no slot: more requests were pending than there are slots; had room: a node had room, and the "
    "policy let the request wait, as experts do with a batch that would run past their limit overrun_s (one epoch by "
    "default). Requests that are pending at the end are in no column"
)
_ENTRY_SCARCITY_TITLE = f"{_SCARCITY_TITLE} of entry nodes"
_UTILISATION_PANEL = ("utilisation", "utilisation of the nodes")
_POOLED_PANELS = (
    ("served_share", "served value / arrived value"),
    ("delay_p95_s", "delay of served requests, p95 [s]"),
)

LAYOUTS: Final[Mapping[str, ReportLayout]] = MappingProxyType(
    {
        "batching": ReportLayout(
            score="served_value",
            score_title="served value",
            headline=("served_share", "value served", "{:.1%}"),
            columns=(*_ON_TIME, *_DELAYS, *_QUALITY, *_ENERGY, *_TIMES),
            cause_title=_POOLED_CAUSES,
            cause_columns=_CAUSES,
            scarcity_title=_SCARCITY_TITLE,
            scarcity_columns=_POOLED_SCARCITY,
            scarcity_note=_SCARCITY_NOTE,
            panels=(*_POOLED_PANELS, ("quality", "quality of served requests"), _UTILISATION_PANEL),
            policies="ot-gah,dftsp,sjf,edf,fcfs,stb,nob,random",
        ),
        "continuous_batching": ReportLayout(
            score="served_value",
            score_title="served value",
            headline=("served_share", "value served", "{:.1%}"),
            columns=(*_ON_TIME, *_DELAYS, *_TOKENS, *_QUALITY, *_TIMES),
            cause_title=_POOLED_CAUSES,
            cause_columns=_CAUSES,
            scarcity_title=_SCARCITY_TITLE,
            scarcity_columns=_POOLED_SCARCITY,
            scarcity_note=_SCARCITY_NOTE,
            panels=(*_POOLED_PANELS, ("mean_ttft_s", "mean time to first token [s]"), _UTILISATION_PANEL),
            policies="ot-gah,dftsp,sjf,edf,fcfs,stb,nob,random",
        ),
        "batching_routing": ReportLayout(
            score="served_value",
            score_title="served value",
            headline=("served_share", "value served", "{:.1%}"),
            columns=(*_ON_TIME, *_DELAYS, *_QUALITY, ("forwarded", "forwarded", "{:.0%}"), *_ENERGY, *_TIMES),
            cause_title=_POOLED_CAUSES,
            cause_columns=_CAUSES,
            scarcity_title=_ENTRY_SCARCITY_TITLE,
            scarcity_columns=_POOLED_SCARCITY,
            scarcity_note=_SCARCITY_NOTE,
            panels=(*_POOLED_PANELS, ("accuracy", "accuracy of computed requests"), _UTILISATION_PANEL),
            policies="ot-gah+dto-ee,ot-gah,fcfs+dto-ee,ot-gah+no-exit,edf,sjf,fcfs,random",
        ),
        "streaming": ReportLayout(
            score="reward",
            score_title="reward",
            headline=("mean_delay_s", "mean delay [s]", "{:.3f}"),
            columns=(("accuracy", "accuracy", "{:.1%}"), *_ON_TIME, *_DELAYS, *_ENERGY, *_TIMES),
            cause_title="requests per episode: late, below the required quality, unanswered at the end",
            cause_columns=(
                ("arrived", "arrived", "{:.1f}"),
                ("late", "late", "{:.1f}"),
                ("below_quality", "below quality", "{:.1f}"),
                ("unanswered", "unanswered", "{:.1f}"),
            ),
            scarcity_title="late requests per episode, by where their response delay passed",
            scarcity_columns=(
                ("late", "late", "{:.1f}"),
                ("late_waiting", "waiting for nodes", "{:.1f}"),
                ("late_service", "computed", "{:.1f}"),
                ("late_transfer", "radio and wires", "{:.1f}"),
            ),
            scarcity_note="",
            panels=(
                ("mean_delay_s", "mean delay [s]"),
                ("delay_p95_s", "delay, p95 [s]"),
                ("accuracy", "accuracy"),
                _UTILISATION_PANEL,
            ),
            policies="dto-ee,fixed-threshold,selfish,compute-proportional,uniform,no-exit,random",
        ),
    }
)
"""Variant of the dynamics -> its layout."""


def own_expert(scenario: Scenario) -> str:
    """Name of the expert that is best suited: exact for a single node, the first default policy otherwise."""
    return (
        EXACT if scenario.variant == "batching" and len(scenario.nodes) == 1 else default_policies(scenario.variant)[0]
    )


def default_policies(variant: str) -> list[str]:
    """Names of the policies that are compared by default, the expert first."""
    return LAYOUTS[variant].policies.split(",")
