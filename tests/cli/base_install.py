"""Runs commands with the packages of all extras blocked, and prints what each one does. Run by test_base_install.py."""

import json
import sys
from importlib.abc import MetaPathFinder

EXTRAS = (
    "matplotlib", "PIL", "joblib", "torch", "pandas", "scipy", "pygame", "stable_baselines3", "sb3_contrib",
    "tensorboard", "minari", "tokenizers",
)  # fmt: skip


class Blocker(MetaPathFinder):
    """Refuses to import the packages of the extras."""

    def find_spec(self, fullname, path=None, target=None):
        if fullname.split(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


sys.meta_path.insert(0, Blocker())

from typer.testing import CliRunner  # noqa: E402

from edge_llm_gym.cli import app  # noqa: E402

done = []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words, env={"COLUMNS": "100"})
    error = "" if isinstance(result.exception, SystemExit) else str(result.exception or "")
    done.append({"exit": result.exit_code, "output": result.output, "error": error})
print(json.dumps(done))
