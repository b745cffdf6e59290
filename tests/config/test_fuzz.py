"""Files that are nearly right: whatever one changes, they are read or refused with problems, the same each time."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcemu.config import Choices, DefinitionError, native_text, read_definition

FIXTURES = Path(__file__).parents[2] / "fixtures"
FILES = [
    *FIXTURES.glob("*/fcemu.yaml"),
    *FIXTURES.glob("foreign/*/s.yaml"),
    *FIXTURES.glob("foreign/*/template.yml"),
    *(FIXTURES / "broken" / name / "fcemu.yaml" for name in ("triggers", "versions", "variables", "s-yaml")),
]
FULL = os.environ.get("FCEMU_EFFORT") == "full"
NASTY = [
    *("", "~", "[]", "{}", "yes", "017", "0x10", "1e3", "-1", "99999999999999999999", ".nan", "2026-01-01", "'", '"'),
    *(
        "*a",
        "&a x",
        "!!binary aGk=",
        "!mine",
        "<<: *a",
        "? ",
        "- ",
        "\t",
        "\x00",
        "\ufeff",
        "𝄞",
        "# ",
        "|",
        ">-",
        "---",
    ),
    *(
        "${vars.a}",
        "${env('A')}",
        "${this.props}",
        "${resources}",
        "${json(file('x'))}",
        "${",
        "${}",
        "${a(",
        "{{ a }}",
    ),
    *("../../..", "/dev/null", "C:\\x", "oss://b/k", "acs:fc:::", "acs:mns:::/queues/q/messages", "function:", "a/b/c"),
    *("fc3", "custom", "LATEST", "auto", "@every 0s", "0 0 0 30 2 *", "CRON_TZ=x 0 0 0 * * *"),
]


@st.composite
def changes(draw, lines):
    """A text with a few lines changed, lost, repeated, or moved."""
    lines = list(lines)
    for _ in range(draw(st.integers(1, 4))):
        if not lines:
            break
        number = draw(st.integers(0, len(lines) - 1))
        line = lines[number]
        what = draw(st.integers(0, 6))
        nasty = draw(st.sampled_from(NASTY))
        if what == 0:
            del lines[number]
        elif what == 1:
            lines.insert(draw(st.integers(0, len(lines))), line)
        elif what == 2:
            lines[number] = " " * draw(st.integers(0, 6)) + line.strip()
        elif what == 3:
            lines[number] = line.partition(":")[0] + ": " + nasty
        elif what == 4:
            key, _, value = line.partition(":")
            lines[number] = key[: len(key) - len(key.lstrip())] + nasty + ":" + value
        elif what == 5:
            at = draw(st.integers(0, len(line)))
            lines[number] = line[:at] + nasty + line[at:]
        else:
            lines[number] = line + line.strip()
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    """The fixtures, to write beside them."""
    there = tmp_path_factory.mktemp("fuzz") / "fixtures"
    shutil.copytree(FIXTURES, there)
    return there


def outcome(file):
    try:
        return native_text(read_definition(file, Choices(variables={}), thorough=True))
    except DefinitionError as refused:
        return str(refused) or "nothing"


@given(data=st.data())
@settings(
    max_examples=4000 if FULL else 120,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_changed_file_is_read_or_refused_and_twice_the_same(copies, data):
    original = data.draw(st.sampled_from(FILES))
    text = data.draw(changes(original.read_text().splitlines()))
    file = copies / original.parent.relative_to(FIXTURES) / "changed.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    first = outcome(file)
    assert first != "nothing"
    assert outcome(file) == first
