"""How the program of a custom runtime is started, as the API and files of either generation say it."""

import pytest

from fcemu.core.functions import Function
from fcemu.core.languages import is_modern_node
from fcemu.core.names import FunctionRef
from fcemu.core.programs import Start, config_of, start_of


def function(runtime="custom.debian12", **kept):
    return Function(ref=FunctionRef("f"), handler="x", code=".", runtime=runtime, kept=kept)


@pytest.mark.parametrize(
    ("given", "start"),
    [
        (function(), Start(("./bootstrap",), 9000)),
        (function(customRuntimeConfig={"command": ["./a"], "args": ["b"], "port": 80}), Start(("./a", "b"), 80)),
        (function(customRuntimeConfig={"args": ["b"]}), Start(("b",), 9000)),
        (function(customRuntimeConfig=None, caPort=8080), Start(("./bootstrap",), 8080)),
        (function(customRuntimeConfig={"port": 80}, caPort=8080), Start(("./bootstrap",), 80)),
        (
            function(customRuntimeConfig={"healthCheckConfig": {"httpGetUrl": "/ready"}}),
            Start(("./bootstrap",), 9000, "/ready"),
        ),
        (
            function(customRuntimeConfig={"command": 7, "port": "x", "healthCheckConfig": 1}),
            Start(("./bootstrap",), 9000),
        ),
        (function("custom-container"), Start((), 9000)),
        (function("custom-container", customContainerConfig={"image": "i"}), Start((), 9000)),
        (
            function("custom-container", customContainerConfig={"entrypoint": ["/bin/sh"], "command": ["-c", "x"]}),
            Start(("/bin/sh", "-c", "x"), 9000),
        ),
        (
            function("custom-container", customContainerConfig={"command": '["node", "a.js"]', "args": '["x"]'}),
            Start(("node", "a.js", "x"), 9000),
        ),
        (function("custom-container", customContainerConfig={"command": "./run"}), Start(("./run",), 9000)),
        (function("custom-container", customRuntimeConfig={"command": ["./a"]}), Start((), 9000)),
    ],
)
def test_the_settings_of_every_version_come_to_a_command_and_a_port(given, start):
    assert start_of(given) == start


@pytest.mark.parametrize("runtime", ["custom", "custom-container"])
def test_what_a_native_file_says_is_read_back(runtime):
    kept = config_of(runtime, ["node", "a.js"], 8080)
    assert start_of(function(runtime, **kept)) == Start(("node", "a.js"), 8080)
    assert config_of(runtime, (), None) == {}


@pytest.mark.parametrize(
    ("runtime", "is_modern"),
    [("nodejs16", False), ("nodejs18", True), ("nodejs20", True), ("nodejs6", False), ("go1", False)],
)
def test_from_nodejs18_on_node_is_modern(runtime, is_modern):
    assert is_modern_node(runtime) is is_modern
