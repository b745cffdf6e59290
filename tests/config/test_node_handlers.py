"""Handlers of Node.js functions are looked for without running them; custom runtimes need none."""

import pytest

from fcemu.config import DefinitionError, read_mapping
from fcemu.config.node_handlers import wrong_node_handler


@pytest.fixture
def code(tmp_path):
    (tmp_path / "jobs").mkdir()
    for name in ("index.js", "modern.mjs", "old.cjs", "jobs/nightly.js", "a.b.js", "notes.txt"):
        (tmp_path / name).write_text("exports.handler = 1;")
    (tmp_path.parent / "outside.js").write_text("")
    (tmp_path / "link.js").symlink_to(tmp_path.parent / "outside.js")
    return str(tmp_path.resolve())


@pytest.mark.parametrize("handler", ["index.handler", "modern.run", "old.run", "jobs/nightly.run", "a.b.run"])
def test_a_handler_with_a_file_is_good(code, handler):
    assert wrong_node_handler(handler, code, "", "nodejs20") == []


@pytest.mark.parametrize(
    ("handler", "says"),
    [
        (
            "indx.handler",
            [
                "there is no file for 'indx.handler': fcemu looked for code/indx.js and code/indx.mjs",
                "did you mean 'index.handler'?",
            ],
        ),
        (
            "jobs/nightli.run",
            [
                "there is no file for 'jobs/nightli.run'",
                "did you mean 'jobs/nightly.run'?",
                "the directory has nightly.js",
            ],
        ),
        ("nowhere/index.run", ["there is no file for 'nowhere/index.run'", "there is no such directory"]),
        ("index", ["expected file.function, got 'index'", "such as index.handler for exports.handler in index.js"]),
        ("index.", ["expected file.function, got 'index.'"]),
        ("/index.handler", ["expected a path inside the code directory, got '/index.handler'"]),
        ("../index.handler", ["expected a path inside the code directory, got '../index.handler'"]),
        (
            "link.handler",
            ["there is no file for 'link.handler': code/link.js is a link that leads out of the code directory"],
        ),
    ],
)
def test_a_handler_without_a_file_is_named_with_the_closest_one(code, handler, says):
    told = wrong_node_handler(handler, code, "code/", "nodejs20")
    assert len(told) >= len(says)
    assert all(line.startswith(expected) for line, expected in zip(told, says, strict=False))


def test_es_modules_are_for_nodejs18_and_later(code):
    message, hint = wrong_node_handler("modern.run", code, "", "nodejs16")
    assert message == "modern.mjs is an ES module, which nodejs16 does not support"
    assert hint == "choose nodejs18 or later"


def test_a_definition_of_a_node_function_is_checked(tmp_path, code):
    read = read_mapping({"functions": {"f": {"runtime": "nodejs20", "handler": "index.handler"}}}, tmp_path)
    assert [function.runtime for function in read.functions] == ["nodejs20"]
    with pytest.raises(DefinitionError, match=r"there is no file for 'nope\.handler': fcemu looked for nope\.js"):
        read_mapping({"functions": {"f": {"runtime": "nodejs20", "handler": "nope.handler"}}}, tmp_path)


def test_a_custom_runtime_needs_no_handler_and_says_how_it_is_started(tmp_path):
    settings = {"runtime": "custom.debian12", "command": ["node", "server.js"], "port": 8080}
    (function,) = read_mapping({"functions": {"f": settings}}, tmp_path).functions
    assert function.handler == "index.handler"
    assert dict(function.kept) == {"customRuntimeConfig": {"command": ["node", "server.js"], "port": 8080}}


def test_a_container_may_say_its_command_too(tmp_path):
    settings = {"runtime": "custom-container", "command": ["./run"]}
    (function,) = read_mapping({"functions": {"f": settings}}, tmp_path).functions
    assert dict(function.kept) == {"customContainerConfig": {"command": ["./run"]}}
