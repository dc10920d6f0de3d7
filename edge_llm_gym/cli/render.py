"""`edge-llm-gym render`: plays an episode under a policy and shows it as text, image, animation, timeline or page."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import gymnasium
import numpy as np
import typer

from edge_llm_gym.cli.completion import complete, complete_policy
from edge_llm_gym.cli.options import (
    ColumnsOption,
    EnvironmentOption,
    FeaturesOption,
    FormatOption,
    FromOption,
    RateOption,
    RewardOption,
    ScenarioOption,
    SetOption,
    TraceOption,
    UntilOption,
    describe_replay,
    environment_of,
    own_functions,
    read_settings,
    trace_source,
)
from edge_llm_gym.evaluation.html.origin import command_line
from edge_llm_gym.evaluation.policies import file_name, policy_sources
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.evaluation.rollout import Step, steps
from edge_llm_gym.files import replacing, writable_folder
from edge_llm_gym.names import known_name
from edge_llm_gym.sheets.terminal import Terminal

FRAME_MS = 500


def render_episode(
    environment: EnvironmentOption = None,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            "-p",
            help="Expert, package.module:factory or the file of a trained policy. Default: the environment's own "
            "expert.",
            autocompletion=complete_policy,
        ),
    ] = None,
    form: Annotated[
        str,
        typer.Option(
            "--form",
            "-f",
            help="ansi, png, gif, timeline or html.",
            autocompletion=lambda incomplete: complete(incomplete, FORMS),
        ),
    ] = "ansi",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the episode.")] = 0,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs to play; a png shows the last one.")] = 20,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    trace: TraceOption = None,
    format: FormatOption = None,
    columns: ColumnsOption = None,
    from_: FromOption = None,
    until: UntilOption = None,
    rate: RateOption = None,
    reward: RewardOption = None,
    features: FeaturesOption = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for files.")] = Path("runs/render"),
) -> None:
    """Play an episode and show it as text, image, animation, timeline or page."""
    known_name("form", form, FORMS)
    requests = trace_source(trace, format, columns, from_, until)
    environment = environment_of(environment, scenario)
    resolved, settings = read_settings(environment, scenario, set_, requests, rate)
    folder = out if form == "ansi" else writable_folder(out)
    (source,) = policy_sources([policy or own_expert(resolved)], resolved)
    mode = "ansi" if form == "ansi" else "rgb_array"
    env = gymnasium.make(environment, render_mode=mode, **settings, **own_functions(reward, features))
    env.unwrapped.caption = f"{source.name}, seed {seed}"  # type: ignore[attr-defined]
    describe_replay(Terminal(stderr=True), env.unwrapped.simulator)  # type: ignore[attr-defined]
    played = islice(steps(env, source.make(env, seed), seed), epochs)
    capture = CAPTURES.get(form, _frame)
    frames = [capture(env, step) for step in played]
    FORMS[form](env, frames, folder / f"{environment.split('/')[-1]}-{file_name(source.name)}-{seed}")


def _frame(env: gymnasium.Env, step: Step) -> Any:
    return env.render()


def _shot(env: gymnasium.Env, step: Step) -> Any:
    from edge_llm_gym.rendering.html import shot_of

    return shot_of(env.unwrapped.view(), env.render(), step.reward)  # type: ignore[attr-defined, arg-type]


CAPTURES: dict[str, Callable[[gymnasium.Env, Step], Any]] = {"timeline": lambda env, step: None, "html": _shot}
"""Form -> what it keeps of every step, where that is not the rendered frame."""


def _print(env: gymnasium.Env, frames: list[Any], stem: Path) -> None:
    for frame in frames:
        print(frame)


def _write_png(env: gymnasium.Env, frames: list[Any], stem: Path) -> None:
    from PIL import Image

    _write(stem.with_suffix(".png"), Image.fromarray(frames[-1]).save)


def _write_gif(env: gymnasium.Env, frames: list[np.ndarray], stem: Path) -> None:
    from PIL import Image

    first, *rest = (Image.fromarray(frame) for frame in frames)
    _write(
        stem.with_suffix(".gif"),
        lambda path: first.save(path, save_all=True, append_images=rest, duration=FRAME_MS, loop=0),
    )


def _write_timeline(env: gymnasium.Env, frames: list[Any], stem: Path) -> None:
    from edge_llm_gym.rendering.timeline import save_timeline

    plain: Any = env.unwrapped
    _write(
        stem.with_name(f"{stem.name}-timeline.png"),
        lambda path: save_timeline(plain.simulator, 0, path, plain.caption),
    )


def _write_html(env: gymnasium.Env, frames: list[Any], stem: Path) -> None:
    from edge_llm_gym.rendering.html import episode_page

    plain: Any = env.unwrapped
    page = episode_page(frames, plain.scenario.variant, f"{plain.spec.id}: {plain.caption}", command_line())
    _write(stem.with_suffix(".html"), lambda path: path.write_text(page, "utf-8"))


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    """Writes a file as a whole and prints its path."""
    with replacing(path) as temporary:
        write(temporary)
    Terminal().wrote(path)


FORMS: dict[str, Callable[[gymnasium.Env, list[Any], Path], None]] = {
    "ansi": _print,
    "png": _write_png,
    "gif": _write_gif,
    "timeline": _write_timeline,
    "html": _write_html,
}
"""Form -> function of the environment, the rendered frames and the stem of the path."""
