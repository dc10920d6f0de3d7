"""The result of the last mutation run, which `make mutation` writes beside the developer guide."""

from pathlib import Path

RESULTS = Path(__file__).parents[1] / "dev" / "mutation-results.md"


def mutation_results() -> str:
    """The page of the run without its title, or a sentence where there has been none."""
    if not RESULTS.is_file():
        return "No result is recorded yet."
    title, _, body = RESULTS.read_text("utf-8").partition("\n")
    assert title.startswith("# "), f"{RESULTS} must begin with its title, got {title!r}"
    return f"## Last run\n{body}"
