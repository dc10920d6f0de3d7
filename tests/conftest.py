"""Fixtures for all tests: public traces and timings, which are not part of the repository, and where logs go."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


LONGEST = ("tests/docs_code", "tests/sb3/test_installed", "tests/codecs/test_parameters", "tests/test_examples")
"""Files and folders of the tests that take longest. Begun last, one would keep a process busy while the others idle."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, which `--dist loadfile --no-loadscope-reorder` distributes in this order."""

    def place(item: pytest.Item) -> int:
        return next((place for place, begin in enumerate(LONGEST) if item.nodeid.startswith(begin)), len(LONGEST))

    items.sort(key=place)


def shared_folder() -> Path:
    return REPOSITORY / os.environ.get("EDGE_LLM_GYM_SHARED", "../shared")


@pytest.fixture(scope="session", autouse=True)
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of Stable-Baselines3's logs, also in processes that tests start; it would make /tmp/SB3-<time>."""
    folder = tmp_path_factory.mktemp("sb3", numbered=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SB3_LOGDIR", str(folder))
        yield folder


@pytest.fixture(scope="session")
def azure_trace() -> Callable[[str], Path]:
    """Path of the Azure 2023 trace of a kind, "conv" or "code"; skips the test where it is not at hand.

    Traces are looked for in the folder `traces` of EDGE_LLM_GYM_SHARED, by default ../shared beside the repository.
    """

    def path(kind: str) -> Path:
        file = shared_folder() / "traces" / f"AzureLLMInferenceTrace_{kind}.csv"
        if not file.is_file():
            pytest.skip(f"no public trace at {file}; set EDGE_LLM_GYM_SHARED to the folder that holds traces/")
        return file

    return path


@pytest.fixture(scope="session")
def h100_timings() -> Path:
    """Path of timings of an H100, in the folder `measurements` beside `traces`; skips the test without it."""
    file = shared_folder() / "measurements" / "h100-static-batches.csv"
    if not file.is_file():
        pytest.skip(f"no timings at {file}; set EDGE_LLM_GYM_SHARED to the folder that holds measurements/")
    return file
