"""The array type of signatures; docstrings and record fields state shape, dtype and unit."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
