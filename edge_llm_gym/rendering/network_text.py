"""Lines of text about links and exits, for the dynamics that forward requests between nodes."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from edge_llm_gym.rendering.exits import ExitsView, ExitView, share_left, share_left_total
from edge_llm_gym.rendering.links import Flow
from edge_llm_gym.rendering.palette import EXIT, THRESHOLD
from edge_llm_gym.rendering.terminal import bar, bold, painted
from edge_llm_gym.sim.exit_observation import QUANTILES

SHARE_BAR: Final = 16


def threshold_text(threshold: float | None) -> str:
    """A node's threshold, empty before the first epoch."""
    return "" if threshold is None else f"{threshold:.2f}"


def senders_text(flows: Iterable[Flow], index: int, devices: int, names: Sequence[str]) -> str:
    """How many requests a node received by radio and from which nodes; empty where it received none."""
    received = [flow for flow in flows if flow.node == index]
    by_radio = sum(flow.requests for flow in received if flow.sender < devices)
    by_wire = [f"{flow.requests} from {names[flow.sender - devices]}" for flow in received if flow.sender >= devices]
    return ", ".join([f"{by_radio} by radio"] * (by_radio > 0) + by_wire)


def exit_lines(view: ExitsView) -> Iterator[str]:
    """The exits: shares of the requests that left there, confidence quantiles, thresholds."""
    percents = ", ".join(f"{100 * quantile:g}" for quantile in QUANTILES)
    yield f"{bold('exits')}  share of requests that left there; confidence quantiles {percents} %"
    for one in view.exits:
        yield _exit(one, view)


def _exit(one: ExitView, view: ExitsView) -> str:
    share = share_left(view, one)
    quantiles = " ".join(f"{quantile:.2f}" for quantile in one.quantiles) or "none yet"
    span = sorted({f"{threshold:.2f}" for threshold in one.thresholds})
    threshold = painted(f"threshold {' to '.join(span[:: max(len(span) - 1, 1)])}", THRESHOLD) if span else ""
    shares = f"{share:4.0%} (episode {share_left_total(view, one):4.0%})"
    return f"  exit {one.exit:2d} {bar(((share, '█', EXIT),), SHARE_BAR)} {shares}   {quantiles:24}  {threshold}"
