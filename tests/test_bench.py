"""Each benchmark runs to its end and measures something; how fast that was, no test says."""

import ast
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from patience import CHILD_SECONDS

BENCH = Path(__file__).parent.parent / "bench"
PARTS = {"bare", "common", "durable", "load", "loom", "pool", "table"}
"""Baselines, and what the scripts share."""
SCRIPTS = sorted(path.stem for path in BENCH.glob("*.py") if path.stem not in PARTS)


def run(script, *words, figures=None):
    return subprocess.run(
        [sys.executable, str(BENCH / f"{script}.py"), *words],
        env=os.environ | {"FCEMU_EFFORT": "small", "FCEMU_FIGURES": "" if figures is None else str(figures)},
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_each_benchmark_measures_something(script, tmp_path):
    figures = tmp_path / "figures"
    done = run(script, figures=figures)
    assert done.returncode == 0, done.stderr
    measured = [json.loads(text) for text in figures.read_text().splitlines()]
    numbers = [figure["ratio"] if "ratio" in figure else figure["value"] for figure in measured]
    assert numbers
    assert all(math.isfinite(number) for number in numbers)
    for figure in measured:
        assert figure["question"] in done.stdout


def test_the_table_has_the_figures_of_a_script_beside_what_they_are_to_reach():
    done = run("table", "memory.py")
    assert done.returncode == 0, done.stderr
    rows = [line.split(" | ") for line in done.stdout.splitlines() if line.startswith("| memory")]
    assert [row[2] for row in rows] == ["≤ 1.25", "≤ 1.05"]
    assert all(re.fullmatch(r"[\d.]+", row[1]) and row[3] in ("yes", "no") for row in rows)


def test_the_page_of_the_benchmarks_has_each_script():
    page = (BENCH / "README.md").read_text(encoding="utf-8")
    assert [name for name in [*SCRIPTS, *PARTS] if f"`{name}.py`" not in page] == []
    tree = ast.parse((BENCH / "table.py").read_text(encoding="utf-8"))
    named = {
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "script" and isinstance(keyword.value, ast.Constant)
    }
    assert named
    assert named <= {f"{name}.py" for name in SCRIPTS}
