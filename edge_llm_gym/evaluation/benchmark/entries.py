"""What is benchmarked: a policy, or a portfolio of policies, and which of them acts in a task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_llm_gym.evaluation.benchmark.suite import Task
from edge_llm_gym.evaluation.jobs import Setup
from edge_llm_gym.evaluation.policies import PolicyLike, PolicySource, policy_sources
from edge_llm_gym.messages import quoted


@dataclass(frozen=True)
class Entry:
    """A policy, or several under one name: in each task, the first one that serves it acts."""

    name: str
    parts: tuple[PolicyLike, ...]


@dataclass(frozen=True)
class Served:
    """How an entry serves a task: by a policy, or not, for a reason."""

    source: PolicySource | None
    reason: str = ""


def portfolio(text: str) -> Entry:
    """The entry of "NAME=policy,policy,...". Raises ValueError for other texts."""
    name, equals, policies = text.partition("=")
    parts = tuple(part.strip() for part in policies.split(",") if part.strip())
    if not name.strip() or "[" in name or not equals or not parts:
        raise ValueError(f"a portfolio is written as NAME=policy,policy,..., got {quoted(text)}")
    return Entry(name.strip(), parts)


def entries_of(policies: Iterable[PolicyLike | Entry]) -> tuple[Entry, ...]:
    """Entries of policies, as `compare` takes them, and of portfolios.

    Raises ValueError for an unknown policy, for equal names and for no entry, as `policy_sources`.
    """
    found = tuple(map(_entry, policies))
    policy_sources((entry.name, part) for entry in found for part in entry.parts[:1])  # refuses equal names
    for entry in found:
        for part in entry.parts:
            policy_sources([part])
    return found


def _entry(policy: PolicyLike | Entry) -> Entry:
    return policy if isinstance(policy, Entry) else Entry(policy_sources([policy])[0].name, (policy,))


def serving(entry: Entry, task: Task) -> Served:
    """The first policy of an entry that can act in a task, under the entry's name, or why none can."""
    setup = Setup(task.environment, {"scenario": task.scenario()})
    env, reasons = setup.make(), []
    for part in entry.parts:
        try:
            source = PolicySource(entry.name, policy_sources([part], task.scenario())[0].source)
            source.make(env, 0)
            return Served(source)
        except ValueError as error:  # of other dynamics, or of a network with other nodes
            reasons.append(str(error))
    env.close()
    return Served(None, _short(reasons))


def _short(reasons: Sequence[str]) -> str:
    return reasons[0].partition(";")[0] if len(reasons) == 1 else "none of its policies serves this task"
