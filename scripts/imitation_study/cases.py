"""The experts of the study, and what is changed for each in the recipe of its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

PRICED: Final = MappingProxyType({"codec.name": "priced", "codec.settings": {"pairs": True}})
"""For exact schedulers: their solver makes up for errors of prices, as greedy insertion cannot for those of scores."""
PRICED_LONGER: Final = MappingProxyType({**PRICED, "imitation.passes": 20})
"""For `ot-gah` on MultiNode, whose clone by scores is at 97.9 % of it."""
FITTED_LONGER: Final = MappingProxyType({**PRICED_LONGER, "imitation.rounds": 4})
"""For exact schedulers of all that is served: after the recipe's 6 passes over three rounds prices are underfitted."""
RANKED: Final = MappingProxyType({"codec.name": "priority", "codec.settings": {}, "imitation.rounds": 2})
"""For all other experts."""


@dataclass(frozen=True)
class Case:
    """The experts of an environment, and what is changed for each in the recipe, which is made for the best one."""

    best: str
    constants: str
    """The shipped policy of constant parameters."""
    changed: Mapping[str, Mapping[str, Any]]
    """Expert -> changes; the best one need not be in it."""

    @property
    def experts(self) -> tuple[str, ...]:
        """All of them, the best one first."""
        return tuple(dict.fromkeys((self.best, *self.changed)))

    def changes(self, expert: str) -> Mapping[str, Any]:
        """Changes for an expert, which need not be in the table."""
        return self.changed.get(expert, {} if expert == self.best else RANKED)


RULES: Final = ("sjf", "edf", "fcfs", "nob", "stb")
FORWARDED: Final = MappingProxyType({"imitation.rounds": 2})
FORWARDED_LONGER: Final = MappingProxyType({"imitation.passes": 20})
"""For experts of Joint whose clones are below 98 % after two rounds."""
CASES: Final[Mapping[str, Case]] = MappingProxyType(
    {
        "single-node": Case(
            "dftsp[energy_price=0.006]",
            "single-node-ppo",
            {"dftsp": FITTED_LONGER, "ot-gah": FITTED_LONGER, **dict.fromkeys(RULES, RANKED)},
        ),
        "multi-node": Case(
            "ot-gah",
            "multi-node-ppo",
            {
                "ot-gah": PRICED_LONGER,
                "ot-gah[energy_price=0.002]": PRICED,
                "dftsp": PRICED,
                **dict.fromkeys(RULES, RANKED),
            },
        ),
        "continuous": Case(
            "ot-gah[energy_price=0.006]",
            "continuous-ppo",
            dict.fromkeys(("ot-gah", "dftsp", *RULES), RANKED),
        ),
        "early-exit": Case(
            "dto-ee",
            "early-exit-ppo",
            dict.fromkeys(
                ("fixed-threshold", "compute-proportional", "uniform", "no-exit", "bandwidth-proportional"), FORWARDED
            ),
        ),
        "joint": Case(
            "ot-gah+dto-ee",
            "joint-ppo",
            {
                **dict.fromkeys(
                    ("dftsp+dto-ee", "fcfs+dto-ee", "ot-gah+fixed-threshold", "ot-gah+no-exit", "fcfs"), FORWARDED
                ),
                **dict.fromkeys(
                    ("ot-gah+dto-ee[energy_price=0.002]", "sjf+dto-ee", "edf+dto-ee", "ot-gah"), FORWARDED_LONGER
                ),
            },
        ),
    }
)
"""Environment, recipe configs/agents/dagger-<name>.yaml -> its experts."""
