"""Single files of a client's git repository, at the commit of the table."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.clients.clients import Repository
from benchmarks.clients.venvs import InstallError
from edge_llm_gym.files import replacing


def ensure_clone(repository: Repository, place: Path, source: str | None = None) -> Path:
    """A bare clone below `place`, made unless it exists, of the repository's URL or of a copy of it at `source`.

    Raises InstallError where it cannot be cloned.
    """
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            _git("clone", "--quiet", "--bare", source or repository.url, str(place))
        except InstallError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise InstallError(
                f"{error}; clone {repository.url} on another machine, and name the copy: --repository NAME=PATH"
            ) from None
    return place


def place_files(repository: Repository, clone: Path, folder: Path) -> None:
    """Writes the files of the repository into one folder. Raises InstallError for a missing one."""
    for path in repository.files:
        with replacing(folder / Path(path).name) as temporary:
            temporary.write_bytes(_git("--git-dir", str(clone), "show", f"{repository.commit}:{path}"))


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    if done.returncode:
        raise InstallError(f"git {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
