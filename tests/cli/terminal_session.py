"""Prints tables and YAML to the terminal that it runs in, once per width, for test_widths.py."""

import fcntl
import struct
import sys
import termios
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))
sys.argv = ["edge-llm-gym"]

from test_tables import invented  # noqa: E402

from edge_llm_gym.cli import app  # noqa: E402
from edge_llm_gym.evaluation.tables import comparison_sheets  # noqa: E402
from edge_llm_gym.sheets.terminal import Terminal  # noqa: E402

POLICIES = ("ot-gah", "edf[overrun_s=0]", "runs/a-long-folder-of-training-runs/ppo-multi-node-2/best.zip")

for width in (80, 100, 120, 160):
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    print(f"=== comparison {width}")
    for sheet in comparison_sheets(invented(POLICIES)):
        Terminal().sheet(sheet)
    for words in (("scenarios", "list"), ("scenarios", "validate", "multi-node"), ("catalogue",), ("policies",)):
        print(f"=== {' '.join(words)} {width}", flush=True)
        app(words, standalone_mode=False)
    print(f"=== show {width}", flush=True)
    app(("scenarios", "show", "single-node"), standalone_mode=False)
