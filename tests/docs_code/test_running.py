"""The runner of code blocks, on pages of its own."""

from pathlib import Path

import pytest
from sybil.example import SybilFailure

from tests.docs_code.blocks import MarkError, is_slow, read_page
from tests.docs_code.running import run_page

PAGES = Path(__file__).parent / "pages"


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, *, slow: bool = False) -> int:
    return run_page(PAGES / name, folder, monkeypatch, slow=slow)


def write(folder: Path, text: str) -> Path:
    path = folder / "page.md"
    path.write_text(text)
    return path


def test_quick_blocks_of_the_sample_page_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("sample.md", tmp_path, monkeypatch) == 9
    assert (tmp_path / "counted.txt").read_text() == "3\n"
    assert not (tmp_path / "slow.txt").exists()
    assert not (tmp_path / "never.txt").exists()


def test_slow_blocks_of_the_sample_page_run_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_slow(read_page(PAGES / "sample.md"))
    assert run("sample.md", tmp_path, monkeypatch, slow=True) == 10
    assert (tmp_path / "slow.txt").read_text() == "3"
    assert not (tmp_path / "never.txt").exists()


def test_wrong_python_fails_at_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NameError, match="missing") as raised:
        run("wrong_python.md", tmp_path, monkeypatch)
    last = raised.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == ("wrong_python.md", 9)


def test_wrong_output_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SybilFailure, match="Expected:\n    3\nGot:\n    2"):
        run("wrong_output.md", tmp_path, monkeypatch)


def test_wrong_command_fails_with_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match=r"wrong_command.md:3: exit code 2 from\n(.|\n)*No such option"):
        run("wrong_command.md", tmp_path, monkeypatch)


def test_a_warning_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write(tmp_path, "```python\nimport warnings\nwarnings.warn('old', FutureWarning)\n```\n")
    with pytest.raises(FutureWarning, match="old"):
        run_page(page, tmp_path, monkeypatch, slow=False)


@pytest.mark.parametrize("mark", ["often", "never", "never,", "", "slow!"])
def test_unknown_marks_are_refused(mark: str, tmp_path: Path) -> None:
    page = write(tmp_path, f"<!-- run: {mark} -->\n```python\n```\n")
    with pytest.raises(MarkError, match=r"line 2, column 1: a code block is marked 'run: slow' or"):
        read_page(page)


def test_files_stay_below_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write(tmp_path, '```yaml title="../escaped.yaml"\na: 1\n```\n')
    with pytest.raises(AssertionError, match=r"below the page's folder, got title '../escaped.yaml'"):
        run_page(page, tmp_path, monkeypatch, slow=False)


def test_console_blocks_need_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = write(tmp_path, "```console\nls\n```\n")
    with pytest.raises(AssertionError, match=r"needs a line that begins with '\$ '"):
        run_page(page, tmp_path, monkeypatch, slow=False)
