"""`edge-llm-gym record-dataset`: records episodes of a policy as a dataset in Minari's format."""

from typing import Annotated, Any

import gymnasium
import typer

from edge_llm_gym.cli.completion import complete_environment, complete_policy
from edge_llm_gym.cli.options import DEFAULT_ENVIRONMENT, ScenarioOption, SetOption, read_overrides
from edge_llm_gym.evaluation.datasets import About, dataset_path, record
from edge_llm_gym.evaluation.policies import file_name, policy_sources, split_settings
from edge_llm_gym.evaluation.report_layout import own_expert
from edge_llm_gym.names import known_name
from edge_llm_gym.registration import ENVIRONMENTS, FLAT_ENVIRONMENTS
from edge_llm_gym.scenario import Scenario, load_scenario
from edge_llm_gym.sheets.terminal import Terminal

NAMESPACE = "edge-llm-gym"


def record_dataset(
    environment: Annotated[
        str,
        typer.Option(
            "--env",
            "-e",
            help="Environment id, as for gym.make, also a flat one.",
            autocompletion=complete_environment,
        ),
    ] = DEFAULT_ENVIRONMENT,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy",
            "-p",
            help="Expert, package.module:factory, pretrained:NAME or the file of a trained policy. Default: the "
            "environment's own expert.",
            autocompletion=complete_policy,
        ),
    ] = None,
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="Number of episodes.")] = 10,
    first_seed: Annotated[int, typer.Option(help="Seed of the first episode; the next ones follow.", min=0)] = 0,
    dataset: Annotated[
        str | None,
        typer.Option(
            "--dataset",
            "-d",
            metavar="NAMESPACE/NAME-v0",
            help="Id of the dataset. Default: made of environment and policy.",
        ),
    ] = None,
    codec: Annotated[
        str | None,
        typer.Option(
            "--codec",
            help="Codec of a flat id, with settings in brackets, e.g. priority or parameters[search=quick]. Actions of "
            "experts need one with an inverse: multidiscrete, priority or box.",
        ),
    ] = None,
    scenario: ScenarioOption = None,
    set_: SetOption = None,
    infos: Annotated[bool, typer.Option("--infos", help="Store the infos too.")] = False,
    author: Annotated[str | None, typer.Option("--author", help="Author, in the metadata.")] = None,
    email: Annotated[str | None, typer.Option("--author-email", help="Address of the author, in the metadata.")] = None,
    permalink: Annotated[str | None, typer.Option("--code", help="Permanent link to the code of the policy.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a dataset of this id.")] = False,
) -> None:
    """Record episodes of a policy as a dataset in Minari's format, and print its path.

    It goes to Minari's local store, which is the folder of the variable MINARI_DATASETS_PATH, by default
    ~/.minari/datasets. Needs the extra "data".

    [bold]Examples[/]

      edge-llm-gym record-dataset -p ot-gah -n 20

      edge-llm-gym record-dataset -e EdgeLLM/SingleNode-Flat-v0 --codec priority -p dftsp --author "Ada Example"
    """
    resolved, settings = _settings(environment, scenario, set_, codec)
    name = policy or own_expert(resolved)
    source = policy_sources([name], resolved)[0]
    named = dataset or default_dataset(environment, name)
    dataset_path(named)  # before episodes are played
    env = gymnasium.make(environment, **settings)
    seeds = range(first_seed, first_seed + episodes)
    made = record(env, source, named, seeds, about=About(author, email, permalink), infos=infos, overwrite=overwrite)
    env.close()
    terminal = Terminal()
    terminal.line(f"dataset {named}: {made.total_episodes} episodes, {made.total_steps} steps of {name}")
    terminal.wrote(dataset_path(named))


def default_dataset(environment: str, policy: str) -> str:
    """The id of a dataset: edge-llm-gym/<environment>/<policy>-v0, in the characters that Minari allows."""
    label = environment.removeprefix("EdgeLLM/").rpartition("-v")[0]
    return f"{NAMESPACE}/{_plain(label)}/{_plain(file_name(policy))}-v0"


def _plain(text: str) -> str:
    return "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in text.lower()).strip("-")


def _settings(
    environment: str, scenario: str | None, overrides: list[str] | None, codec: str | None
) -> tuple[Scenario, dict[str, Any]]:
    """The scenario, and the keyword arguments of gym.make. Raises ValueError for a codec of an id that is not flat."""
    known = {**ENVIRONMENTS, **{name: settings["scenario"] for name, settings in FLAT_ENVIRONMENTS.items()}}
    known_name("environment", environment, known)
    changes = read_overrides(overrides)
    source = scenario or known[environment]
    settings: dict[str, Any] = {"scenario": source} | ({"overrides": changes} if changes else {})
    if codec is not None:
        settings |= _codec(environment, codec)
    return load_scenario(source, changes), settings


def _codec(environment: str, codec: str) -> dict[str, Any]:
    if environment not in FLAT_ENVIRONMENTS:
        flat = ", ".join(name for name in FLAT_ENVIRONMENTS if "-Flat-" in name)
        raise ValueError(f"a codec goes with a flat id, got --codec {codec} and {environment}; choose one of: {flat}")
    name, settings = split_settings(codec)
    return {"codec": name, **settings}
