"""The image and the recipes for containers, without an engine.

The steps of the ``Dockerfile`` are carried out word by word in a copy of this system's files: an overlay in a mount
namespace, whose upper layer is in memory. ``RUN`` runs there as root; containers run as the image's user. The image's
Python is one of ``/usr/bin``, in place of the base image's.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from patience import CHILD_SECONDS
from running import free_port

ROOT = Path(__file__).parent.parent
DOCKERFILE = ROOT / "Dockerfile"
PAGE = (ROOT / "docs/howto/containers.md").read_text(encoding="utf-8")
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
ORDERS = ROOT / "fixtures/orders"


def block(head):
    (text,) = re.findall(rf"^```{head}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return text


COMPOSE = yaml.safe_load(block(r"yaml\n# compose\.yaml"))["services"]
TESTCONTAINERS = block("python testcontainers")


def instructions():
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def of(word):
    return [rest for name, rest in instructions() if name == word]


# What it says.


def test_the_linter_has_no_complaint():
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_is_what_the_page_says():
    assert of("FROM") == ["python:${PYTHON}-slim"]
    assert of("USER") == ["10001:10001"]
    assert of("EXPOSE") == ["9527"]
    assert of("VOLUME") == ["/data"]
    assert of("WORKDIR") == ["/app"]
    assert [name for name, _ in instructions()][-2:] == ["ENTRYPOINT", "CMD"]


def test_nothing_but_the_wheel_is_sent_to_the_engine():
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").split() == ["*", "!dist/fcemu-*.whl"]
    assert of("COPY") == ["dist/fcemu-*.whl /wheel/"]


def test_the_compose_file_is_as_its_schema_wants_it(tmp_path):
    file = tmp_path / "compose.yaml"
    file.write_text(block(r"yaml\n# compose\.yaml"), encoding="utf-8")
    checker = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_recipe_publishes_to_loopback_only():
    ports = [*COMPOSE["fcemu"]["ports"], *re.findall(r"--publish (\S+) --env", PAGE)]
    assert ports == ["127.0.0.1:9527:9527"] * 2


# What it does.


def base_python():
    """A Python that any user may run, and that can make environments with pip."""
    for found in sorted(Path("/usr/bin").glob("python3.[0-9][0-9]"), reverse=True):
        version = int(found.name.partition(".")[2])
        if version >= 11 and subprocess.run([found, "-c", "import ensurepip"], capture_output=True).returncode == 0:
            return found
    return None


SETUP = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
for each in dev proc sys; do mount --rbind "/$each" "$1/root/$each"; done
mount --rbind "$2" "$1/root/mnt"
echo ready
exec sleep infinity
"""


class Image:
    """What the instructions have made so far."""

    def __init__(self, root, keeper):
        self._root = root
        self._keeper = keeper
        self.variables = {"PATH": "/usr/local/image/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        self.user = "0:0"
        self.directory = "/"
        self.entrypoint, self.command, self.health = [], [], []

    def enter(self, words):
        """A command line that runs these words in the image as it is now."""
        arguments = ["nsenter", f"--mount=/proc/{self._keeper}/ns/mnt", "chroot", f"--userspec={self.user}", self._root]
        variables = [f"{name}={value}" for name, value in self.variables.items()]
        return [
            *arguments,
            *("env", "-i", *variables),
            *("sh", "-c", 'cd "$0" && exec "$@"', self.directory),
            *words,
        ]

    def run(self, words, **how):
        done = subprocess.run(self.enter(words), capture_output=True, text=True, timeout=CHILD_SECONDS, **how)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def do(self, word, rest):
        match word:
            case "RUN":
                pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
                self.run(["env", *(f"{name}={value}" for name, value in pip.items()), "sh", "-ec", rest])
            case "COPY":
                source, target = rest.split()
                self.run(["sh", "-ec", f"mkdir {target} && cp /mnt/{source} {target}"])
            case "USER":
                self.user = rest
            case "WORKDIR":
                self.directory = rest
            case "ENV":
                self.variables |= dict([rest.split("=", 1)])
            case "ENTRYPOINT":
                self.entrypoint = json.loads(rest)
            case "CMD":
                self.command = json.loads(rest)
            case "HEALTHCHECK":
                self.health = json.loads(rest.partition(" CMD ")[2])
            case _:
                assert word in {"ARG", "FROM", "VOLUME", "EXPOSE"}

    @contextmanager
    def container(self, command=None, variables=(), mounts=()):
        """A container that runs until the block ends, and the port at which it is reached."""
        port = free_port()
        kept = self.variables
        self.variables = kept | dict(variables) | {"FCEMU_PORT": str(port)}
        for source, target in mounts:
            mount = ["nsenter", f"--mount=/proc/{self._keeper}/ns/mnt"]
            subprocess.run([*mount, "mount", "--bind", source, f"{self._root}{target}"], check=True)
        process = subprocess.Popen(
            self.enter([*self.entrypoint, *(shlex.split(command) if command else self.command)]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            lines = []
            while not any("serves" in line for line in lines):
                lines.append(process.stdout.readline())
                assert lines[-1], "".join(lines)
            yield port
        finally:
            process.terminate()
            said = process.communicate(timeout=CHILD_SECONDS)[0]
            self.variables = kept
        assert process.returncode == 0, said


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    """What the engine is sent: ``dist/`` with the wheel."""
    context, source = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("source")
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "fcemu", source / "fcemu", ignore=shutil.ignore_patterns("__pycache__"))
    (context / "dist").mkdir()
    command = [sys.executable, "-c", BUILD, str(context / "dist")]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=CHILD_SECONDS)
    return context


@pytest.fixture(scope="module")
def image(context, tmp_path_factory):
    base = base_python()
    if sys.platform != "linux" or os.geteuid() or base is None or not shutil.which("nsenter"):
        pytest.skip("needs Linux, root, nsenter and a Python in /usr/bin that has ensurepip")
    place = tmp_path_factory.mktemp("image")
    keeper = subprocess.Popen(
        ["unshare", "--mount", "bash", "-ec", SETUP, "bash", place, context], stdout=subprocess.PIPE, text=True
    )
    try:
        if keeper.stdout.readline() != "ready\n":
            pytest.skip("this system lets nobody mount an overlay")
        made = Image(f"{place}/root", keeper.pid)
        made.run([str(base), "-m", "venv", "/usr/local/image"])
        for word, rest in instructions():
            made.do(word, rest)
        yield made
    finally:
        keeper.kill()
        keeper.wait()
        keeper.stdout.close()


def test_the_image_runs_as_its_user_and_may_write_to_the_volume_only(image):
    assert image.run(["id", "-u"]) == "10001\n"
    image.run(["touch", "/data/written"])
    assert image.run(["sh", "-c", "touch /wheel /usr/local/image/written 2>/dev/null || echo refused"]) == "refused\n"
    assert "fcemu" in image.run(["fcemu", "--version"])


def test_a_container_is_healthy_and_wants_its_token(image):
    with image.container(variables={"FCEMU_TOKEN": "test"}) as port:
        image.run(["env", f"FCEMU_PORT={port}", *image.health])
        client = [sys.executable, "-m", "fcemu", "functions", "--url", f"http://127.0.0.1:{port}"]
        done = subprocess.run(client, capture_output=True, text=True, env=os.environ | {"FCEMU_TOKEN": "other"})
        assert done.returncode == 1
        assert "requires its token" in done.stderr
        subprocess.run(client, check=True, capture_output=True, env=os.environ | {"FCEMU_TOKEN": "test"})
    stopped = subprocess.run(image.enter(["env", f"FCEMU_PORT={port}", *image.health]), capture_output=True)
    assert stopped.returncode != 0


def test_the_compose_file_serves_the_definition_that_it_mounts_and_keeps_what_was_accepted(image):
    service, tests = COMPOSE["fcemu"], COMPOSE["tests"]
    mounts = [(ORDERS, "/app")]
    assert service["volumes"] == ["./fixtures/orders:/app:ro", "fcemu-data:/data"]

    def client(port, *words):
        variables = {
            name: value.replace("fcemu:9527", f"127.0.0.1:{port}") for name, value in tests["environment"].items()
        }
        command = [sys.executable, "-m", "fcemu", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | variables).stdout

    with image.container(service["command"], service["environment"], mounts) as port:
        client(port, "invoke", "orders/charge", "--async", "--delay", "200", "--payload", '{"order": 7}')
    with image.container(service["command"], service["environment"], mounts) as port:
        client(port, "clock", "run-until-idle")
        (record,) = json.loads(client(port, "invocations", "--json", "--status", "Failed"))
    assert record["function"] == "orders/charge"


ENGINE = """
import testcontainers.core.config
import testcontainers.core.container

class Engine:
    client = property(lambda self: self)

    def __init__(self, **options):
        pass

    def create(self, image, command, environment, ports, name, volumes, tmpfs):
        asked = {"image": image, "command": command, "environment": environment, "ports": ports, "volumes": volumes}
        assert asked == {ASKED} | {"environment": environment}, asked
        self.token = environment["FCEMU_TOKEN"]
        return self

    def start(self, container):
        import subprocess, sys
        self.process = subprocess.Popen({COMMAND} + ["FCEMU_TOKEN=" + self.token] + {WORDS})

    def remove(self, force, v):
        self.process.terminate()
        assert self.process.wait() == 0

    def port(self, container_id, port):
        return {PORT}

    def host(self):
        return "127.0.0.1"

    def get_connection_mode(self):
        return testcontainers.core.config.ConnectionMode.docker_host

    def close(self):
        pass

    reload = close
    status = "running"
    id = short_id = "without-an-engine"

testcontainers.core.container.DockerClient = Engine
testcontainers.core.container.c.ryuk_disabled = True
"""


def test_the_test_with_testcontainers_passes(image, tmp_path):
    """The library is the real one; in place of the engine's client stands one that starts the image of these tests."""
    port = free_port()
    with image.container(mounts=[(ORDERS, "/app")]):
        pass
    words = ["sh", "-c", 'cd /app && exec "$@"', "sh", "env", f"FCEMU_PORT={port}"]
    asked = {
        "image": "fcemu",
        "command": "serve --rate 0",
        "ports": {"9527": None},
        "volumes": {str(tmp_path / "fixtures/orders"): {"bind": "/app", "mode": "ro"}},
    }
    filled = {
        "{ASKED}": repr(asked),
        "{COMMAND}": repr(image.enter(words)),
        "{WORDS}": repr([*image.entrypoint, "serve", "--rate", "0"]),
        "{PORT}": repr(port),
    }
    engine = ENGINE
    for name, value in filled.items():
        engine = engine.replace(name, value)
    (tmp_path / "conftest.py").write_text(engine, encoding="utf-8")
    (tmp_path / "test_block.py").write_text(TESTCONTAINERS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_block.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=CHILD_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
