"""Every folder of fixtures/broken says exactly what its expected.txt says."""

from pathlib import Path

import pytest
import yaml

from fcemu.config import DefinitionError, read_definition, read_mapping

BROKEN = sorted((Path(__file__).parents[2] / "fixtures" / "broken").iterdir())
SAME_IN_PYTHON = {
    "bad-names",
    "foreign-words",
    "missing-handler",
    "missing-handler-file",
    "stubs",
    "out-of-range",
    "triggers",
    "versions",
    "unknown-key",
    "wrong-case",
    "wrong-level",
}
"""What YAML has no part in, so that the mapping that YAML makes of it is wrong in the same way."""


def test_there_are_examples():
    assert len(BROKEN) >= 10
    assert {folder.name for folder in BROKEN} >= SAME_IN_PYTHON


@pytest.mark.parametrize("folder", BROKEN, ids=lambda folder: folder.name)
def test_a_broken_definition_is_refused_with_exactly_the_expected_text(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with pytest.raises(DefinitionError) as caught:
        read_definition(Path("fcemu.yaml"))
    assert str(caught.value) == Path("expected.txt").read_text().removesuffix("\n")


@pytest.mark.parametrize(
    "folder", [each for each in BROKEN if each.name in SAME_IN_PYTHON], ids=lambda folder: folder.name
)
def test_the_same_definition_as_a_mapping_has_the_same_problems(folder):
    with pytest.raises(DefinitionError) as of_file:
        read_definition(folder)
    with pytest.raises(DefinitionError) as of_mapping:
        read_mapping(yaml.safe_load((folder / "fcemu.yaml").read_text()), folder)
    for one, other in zip(of_file.value.problems, of_mapping.value.problems, strict=True):
        assert (one.message, one.hints, one.path) == (other.message, other.hints, other.path)
        assert str(other).startswith(f"definition: {one.path}: {one.message}")
