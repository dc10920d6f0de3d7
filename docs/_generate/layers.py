"""`python -m docs._generate.layers`: draws docs/images/architecture.svg from the layers of the import contract."""

import html
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
PICTURE: Final = CHECKOUT / "docs/images/architecture.svg"
WIDTH, LEFT, RIGHT, HEIGHT, GAP = 960, 112, 38, 46, 7
NAME_PX, TEXT_PX, MARGIN_PX = 8.6, 5.4, 14
"""Width of a letter of a name and of a text, and what a box adds, in pixels."""
OUTSIDE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "agents/": "training, search, imitation",
        "scripts/": "commands, reproductions",
        "examples/": "scripts to copy",
        "benchmarks/": "speed, verification, fuzzing",
    }
)
"""What a checkout holds beside the package."""
TEXTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "cli": "one thin module per command",
        "evaluation": "rollout, paired comparison, bounds, report",
        "lookahead": "rollouts of candidate actions in resampled futures",
        "sb3": "Stable-Baselines3 and PyTorch (extra)",
        "measuring": "timing of models with PyTorch (extra)",
        "multiagent": "nodes as agents, PettingZoo (extra)",
        "env": "single and vector environment, spaces, info",
        "live": "plain requests in, a schedule out",
        "codecs": "flat action to dictionary action, wrappers",
        "features": "vectors and token sets that models observe",
        "linear": "policies of a few parameters",
        "experts": "schedulers behind predict",
        "rendering": "text, frames, timelines",
        "decoding": "observation to problem, solution to action",
        "solvers": "DFTSP, OT-GAH, DTO-EE, references",
        "sim": "tape, state, transition, observation",
        "problems": "plain arrays, feasibility, objective",
        "scenario": "schema, rules, network, YAML files",
        "models": "transformer, hardware, cost, channel, exits",
        "workload": "arrivals, lengths, traces",
        "actions": "checks",
        "rows": "batches",
        "command": "errors in one line",
        "settings": "YAML into validated records",
        "sheets": "tables as data, shown in a terminal, as Markdown or LaTeX",
        "units": "conversions",
        "lazy": "optional names",
        "names": "look-up",
        "numeric": "limits",
        "compiled": "kernels",
        "arrays": "types",
        "archives": "bounded reading",
        "ranges": "a number or a range",
        "held": "records in compiled memory",
        "files": "whole writes",
        "interrupts": "signals",
        "quantities": "ranges",
        "json_text": "JSON",
        "yaml_text": "YAML",
        "messages": "shortened values",
    }
)
"""Module of the package -> what it holds."""
COLOURS: Final = ("#eceff6", "#e3ecfb", "#dbe9fb", "#e6f4ea", "#fdf1dc", "#fbe6c8")
"""From the top to the bottom, each for as many layers as come out."""


def layers() -> list[list[str]]:
    """Modules of each layer of the contract, from the top to the bottom."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    return [[name.strip().removeprefix("edge_llm_gym.") for name in layer.split("|")] for layer in contract]


def picture() -> str:
    """The drawing as SVG. Raises KeyError for a module without a text."""
    rows = [dict(OUTSIDE), *({name: TEXTS[name] for name in layer} for layer in layers())]
    height = 26 + len(rows) * (HEIGHT + GAP)
    body = [line for index, row in enumerate(rows) for line in _row(index, len(rows), row)]
    return "\n".join([*_head(height), *body, *_arrow(height), "</svg>"]) + "\n"


def _head(height: int) -> Iterable[str]:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="Helvetica, Arial, sans-serif">'
    yield "<title>Layers of the package; a module imports from its own package or from a layer below</title>"
    yield f'<rect width="{WIDTH}" height="{height}" rx="10" fill="#ffffff"/>'


def _arrow(height: int) -> Iterable[str]:
    x, end = WIDTH - RIGHT / 2, height - 21
    yield f'<line x1="{x:g}" y1="20" x2="{x:g}" y2="{end}" stroke="#5a6472" stroke-width="2"/>'
    yield f'<path d="M{x - 5:g} {end - 6} L{x + 5:g} {end - 6} L{x:g} {end + 4} z" fill="#5a6472"/>'


def _row(index: int, count: int, boxes: Mapping[str, str]) -> Iterable[str]:
    """A layer: its background, and its boxes side by side."""
    y, inner = 16 + index * (HEIGHT + GAP), WIDTH - LEFT - RIGHT
    label = "Checkout" if index == 0 else f"Layer {count - index}"
    colour = COLOURS[len(COLOURS) * index // count]
    yield f'<rect x="{LEFT}" y="{y}" width="{inner}" height="{HEIGHT}" rx="6" fill="{colour}"/>'
    yield f'<text x="{LEFT - 10}" y="{y + 28}" font-size="13" text-anchor="end" fill="#3c4653">{label}</text>'
    widths = [MARGIN_PX + max(NAME_PX * len(name), TEXT_PX * len(text)) for name, text in boxes.items()]
    scale = min(1.0, (inner - 4 * (len(boxes) + 1)) / sum(widths))
    space = (inner - scale * sum(widths)) / (len(boxes) + 1)
    x = LEFT + space
    for (name, text), width in zip(boxes.items(), widths, strict=True):
        yield from _box(x, y, scale * width, name, text)
        x += scale * width + space


def _box(x: float, y: int, width: float, name: str, text: str) -> Iterable[str]:
    middle = x + width / 2
    frame = 'rx="5" fill="#ffffff" stroke="#8a94a3"'
    yield f'<rect x="{x:.0f}" y="{y + 4}" width="{width:.0f}" height="{HEIGHT - 8}" {frame}/>'
    weight = 'font-weight="bold" text-anchor="middle" fill="#1d2733"'
    yield f'<text x="{middle:.0f}" y="{y + 20}" font-size="14" {weight}>{name}</text>'
    shown = html.escape(text)
    yield f'<text x="{middle:.0f}" y="{y + 36}" font-size="11" text-anchor="middle" fill="#3c4653">{shown}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture(), "utf-8")
