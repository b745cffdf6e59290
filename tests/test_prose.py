"""The prose of README.md and docs/ has no phrases of ``oddities.txt`` and no mistakes that proselint knows.

``.ci/run`` checks the spelling with codespell; ``misspelt.txt`` has the words that are wrong on purpose in tests.
"""

import itertools
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from patience import CHILD_SECONDS

ROOT = Path(__file__).parent.parent
FROM_CODE = {
    "docs/explanation/assumed.md",
    *(
        f"docs/reference/{page}.md"
        for page in ("chance", "cli", "definition", "errors", "fields", "operations", "options", "rules", "time")
    ),
}
"""Pages whose texts are made from the code by docs/generate.py. Their phrases are corrected there."""
TABLES_FROM_CODE = re.compile(
    r"<!-- (\w+): made by docs/generate\.py -->.*?<!-- end of \1 -->|^\| option \| default .*?\n\n", re.M | re.S
)
HISTORY = {"CHANGELOG.md"}
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        *ROOT.glob("*.md"),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "bench").rglob("*.md")),
        *sorted((ROOT / "fixtures").rglob("*.md")),
    ]
}
WRITTEN = sorted(PAGES.keys() - FROM_CODE - HISTORY)


class Oddity(NamedTuple):
    """A phrase to avoid."""

    phrase: re.Pattern[str]
    instead: str
    example: str


def listed():
    oddities, allowed = [], {}
    for line in (ROOT / "tests/oddities.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("allow "):
            page, text = line.removeprefix("allow ").split(" => ")
            allowed.setdefault(page, []).append(text)
        elif line and not line.startswith("#"):
            phrase, instead, example = line.split(" => ")
            phrase = re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE | re.MULTILINE)
            oddities.append(Oddity(phrase, instead, example))
    return oddities, allowed


ODDITIES, ALLOWED = listed()


def blank(found):
    return "\n" * found[0].count("\n")


def prose(text):
    """The sentences of a page on their own lines: a name stands for code; links and borders of tables are left out."""
    names = itertools.cycle("".join(name) for name in itertools.product("BCDFGHJ", "aeiou", "klmnp", "rst"))
    text = re.sub(r"^```.*?^```$", blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", blank, text, flags=re.DOTALL)
    text = re.sub(r"^\|[ :|-]*\|$", "", text, flags=re.MULTILINE)
    text = re.sub(r"``.+?``|`[^`]*`", lambda found: f"{next(names)}{blank(found)}", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"^(#+ .*)$", r"\1.", text, flags=re.MULTILINE)
    return re.sub(r" ?\| ?", ". ", text)


def written(page):
    """The prose that people wrote, without what is allowed there."""
    text = prose(TABLES_FROM_CODE.sub(blank, PAGES[page]))
    for allowed in ALLOWED.get(page, ()):
        assert allowed in text, f"{page} no longer needs this exception: {allowed}"
        text = text.replace(allowed, "")
    return text


def odd(text):
    """Where the text has which oddity, as lines that an editor can follow."""
    for oddity in ODDITIES:
        for found in oddity.phrase.finditer(text):
            yield f"{text[: found.end()].count(chr(10)) + 1}: {found[0].strip()!r}; write: {oddity.instead}"


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_has_usual_phrases(page):
    assert "".join(f"{page}:{line}\n" for line in odd(written(page))) == ""


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.example)
def test_each_phrase_of_the_list_is_found_in_its_example(oddity):
    assert oddity.phrase.search(oddity.example)
    assert any(line.startswith("2: ") for line in odd(f"A sentence.\n{oddity.example}"))


def test_the_pages_have_no_mistakes_that_proselint_knows(tmp_path):
    for page in WRITTEN:
        (tmp_path / page.replace("/", "__")).write_text(written(page), encoding="utf-8")
    command = [sys.executable, "-m", "proselint", "--config", ".proselintrc.json", "check", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
