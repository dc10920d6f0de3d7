"""Results as data frames and as tables of documents."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from edge_llm_gym.sheets import Sheet, to_latex, to_markdown


class Tabulated(ABC):
    """Base of results that have flat records and tables."""

    @abstractmethod
    def records(self) -> list[dict[str, Any]]:
        """Flat records, one per row of a data frame."""

    @abstractmethod
    def sheets(self) -> list[Sheet]:
        """All tables."""

    def to_dataframe(self) -> Any:
        """A pandas.DataFrame with the rows of `records`. Raises ImportError without pandas."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError("data frames need pandas: pip install pandas; records() gives plain rows") from error
        return DataFrame(self.records())

    def to_markdown(self) -> str:
        """The tables as GitHub's Markdown."""
        return self._written(to_markdown)

    def to_latex(self) -> str:
        """The tables as LaTeX, each a table environment; the document needs the package booktabs."""
        return self._written(to_latex)

    def _written(self, write: Callable[[Sheet], str]) -> str:
        return "\n".join(map(write, self.sheets()))
