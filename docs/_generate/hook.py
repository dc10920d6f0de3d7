"""MkDocs hook: fills the generated parts into the pages, turns equations into MathML, checks the links of the site.

A page asks for a part with a comment on a line of its own, `<!-- generate: name argument ... -->`; `GENERATORS` lists
the names.
"""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from mkdocs.exceptions import PluginError

from _generate import api, clients, commands, info, leaderboard, models, mutation, rates, schedulers, schema, spaces
from _generate.links import broken_links
from _generate.mathml import equations_as_mathml
from _generate.tables import script, shared_text, yaml_file

GENERATORS: Final[Mapping[str, Callable[..., str]]] = {
    "summary": spaces.space_summary,
    "observation": spaces.observation_table,
    "action": spaces.action_table,
    "features": spaces.feature_table,
    "quantiles": spaces.confidence_columns,
    "nodes": spaces.node_table,
    "info": info.info_table,
    "metrics": info.metric_table,
    "outcomes": info.outcome_table,
    "reward": info.reward_table,
    "scenario": schema.scenario_reference,
    "keys": schema.key_combinations,
    "shipped": schema.shipped_scenarios,
    "commands": commands.command_reference,
    "api": api.api_reference,
    "models": models.model_table,
    "hardware": models.hardware_table,
    "rates": rates.rate_table,
    "profile": rates.profile_table,
    "methods": models.method_table,
    "perplexities": models.perplexity_table,
    "experts": schedulers.expert_table,
    "settings": schedulers.settings_table,
    "include": shared_text,
    "script": script,
    "mutation": mutation.mutation_results,
    "benchmark_tasks": leaderboard.task_table,
    "leaderboard": leaderboard.leaderboard,
    "clients": clients.client_table,
    "client": clients.client_section,
    "yaml": yaml_file,
}
_DIRECTIVE = re.compile(r"<!-- generate: (.+?) -->")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fills in the generated parts."""
    filled = _DIRECTIVE.sub(lambda match: _generated(match[1].split(), page.file.src_uri), markdown)
    return _DIRECTIVE.sub(lambda match: _generated(match[1].split(), page.file.src_uri), filled)  # of included texts


def on_page_content(html: str, **_: Any) -> str:
    """Writes equations as MathML."""
    return equations_as_mathml(html)


def on_post_build(config: Any, **_: Any) -> None:
    """Fails the build where a link leads nowhere."""
    if faults := broken_links(Path(config["site_dir"])):
        raise PluginError(f"{len(faults)} faults in the links of the site:\n" + "\n".join(faults))


def _generated(words: list[str], page: str) -> str:
    name, *arguments = words
    if name not in GENERATORS:
        raise PluginError(f"{page}: no generator {name!r}; choose one of {', '.join(GENERATORS)}")
    try:
        return GENERATORS[name](*arguments)
    except Exception as error:
        raise PluginError(f"{page}: generator {name!r} failed: {type(error).__name__}: {error}") from error
