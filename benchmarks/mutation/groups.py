"""Which tests judge the mutants of which modules."""

from pathlib import Path

PACKAGES = ("edge_llm_gym/sim", "edge_llm_gym/solvers")
"""Only modules of these packages are mutated."""

TESTS: dict[str, tuple[str, ...]] = {
    "edge_llm_gym/sim/pooled": ("tests/sim/pooled",),
    "edge_llm_gym/sim/streaming": ("tests/sim/streaming",),
    "edge_llm_gym/sim": ("tests/sim",),
    "edge_llm_gym/solvers/dftsp": ("tests/solvers/*dftsp*", "tests/solvers/test_exactness.py"),
    "edge_llm_gym/solvers/ot_gah": ("tests/solvers/*ot_gah*", "tests/solvers/test_exactness.py"),
    "edge_llm_gym/solvers/dto_ee": ("tests/solvers/*dto_ee*", "tests/solvers/*routing*"),
    "edge_llm_gym/solvers/routing": ("tests/solvers/*routing*", "tests/solvers/*dto_ee*"),
    "edge_llm_gym/solvers": ("tests/solvers",),
}
"""Path prefixes of modules and the tests that are run on their mutants, as globs: the longest prefix decides."""


def prefix_of(module: Path) -> str:
    """The entry of `TESTS` that holds for a module, given relative to the checkout.

    Raises:
        ValueError: No prefix fits.
    """
    fitting = [prefix for prefix in TESTS if module.as_posix().startswith(prefix)]
    if not fitting:
        raise ValueError(f"no tests are named for {module}; add a prefix of its path to TESTS in {__file__}")
    return max(fitting, key=len)


def tests_of(prefix: str, checkout: Path) -> list[str]:
    """The test files and folders of a prefix, relative to the checkout.

    Raises:
        ValueError: One of the globs matches nothing.
    """
    found: list[str] = []
    for pattern in TESTS[prefix]:
        paths = sorted(checkout.glob(pattern))
        if not paths:
            raise ValueError(f"no test matches {pattern!r}, named for {prefix}; correct TESTS in {__file__}")
        found += [path.relative_to(checkout).as_posix() for path in paths]
    return found
