"""The page on runtimes names all that is replaced in Python."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "runtimes.md"


def test_the_page_names_each_replaced_attribute(python):
    found = python("""
        from fcemu.handler.time import locks, simple_queues, trio_loops
        from fcemu.runtimes import timeshift
        timeshift.install()
        ours = timeshift._patches
        names = [patch.name for patch in (*ours._names, *ours._rest)] + [name for _, name in ours._in_classes]
        for each in (locks, simple_queues, trio_loops):
            names += [name for _, name in each._OURS]
        print(",".join(names))
    """)
    page = PAGE.read_text(encoding="utf-8").partition("## What is replaced in Python")[2]
    named = {part for text in re.findall(r"`([^`]+)`", page) for part in text.split(".")}
    names = set(found.strip().split(","))
    assert len(names) > 40
    assert sorted(names - named) == []
