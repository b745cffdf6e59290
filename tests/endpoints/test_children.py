"""Programs of other languages and processes, with hosts of FC written down, below ``fcemu exec --intercept``."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clients.lines import missing
from clients.node import MODULES

from fcemu.endpoints.environment import intercepting
from fcemu.endpoints.hosts import is_fc_host

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
HELLO = str(ROOT / "fixtures/hello")
URL = "http://1234567890123456.cn-shanghai.fc.aliyuncs.com/2023-03-30/functions/hello/invocations"


def needs(tool):
    """Where the tool is absent, say so; in CI it is not."""
    path = shutil.which(tool)
    if path is None:
        missing = f"NOT TESTED: {tool} is not installed"
        pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
    return path


def below(*command, definition=HELLO, options=("--intercept",), status=0, **more):
    """What a command prints below exec."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FCEMU_", "FC_"))}
    done = subprocess.run(
        [sys.executable, "-m", "fcemu", "exec", str(definition), *options, "--timeline", "never", "--", *command],
        env=kept | more,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout if status == 0 else done.stdout + done.stderr


BOTH = ["{} by http", "{} by https"]


def lines(*names):
    return [text.format(name) for name in names for text in BOTH]


def test_python(tmp_path):
    assert below(sys.executable, str(PROGRAMS / "program.py")).splitlines() == lines("python")


def test_python_that_takes_no_variables_for_itself():
    """It goes by the proxy."""
    assert below(sys.executable, "-I", str(PROGRAMS / "program.py")).splitlines() == lines("python")


def test_node():
    assert below(needs("node"), str(PROGRAMS / "program.js")).splitlines() == lines("node", "fetch")


@pytest.mark.parametrize(("network", "host"), [("public", "fc.aliyuncs.com"), ("vpc", "fc-vpc.aliyuncs.com")])
def test_the_node_sdk_that_is_given_a_region_only_comes_here_and_is_warned(tmp_path, network, host):
    """It asks a host that has no region in its name."""
    needs("node")
    if not (MODULES / "@alicloud/fc20230330").is_dir():
        missing(f"@alicloud/fc20230330 is not in {MODULES}")
    said = tmp_path / "said"
    command = f"node {PROGRAMS / 'region.js'} {network} 2> {said}"
    assert below("sh", "-c", command, NODE_PATH=str(MODULES)) == "handler.hello\n"
    assert said.read_text().count(f"FcemuWarning: {host} has no region in its name") == 1


@pytest.mark.timeout(400)  # the first time, all of net/http is compiled
def test_go(tmp_path):
    program = tmp_path / "program"
    build = [needs("go"), "build", "-gcflags=all=-N -l", "-o", str(program), str(PROGRAMS / "program.go")]
    subprocess.run(build, check=True, env=os.environ | {"CGO_ENABLED": "0", "GO111MODULE": "off"}, timeout=280)
    assert below(str(program)).splitlines() == lines("go")


def test_java():
    told = below(needs("java"), str(PROGRAMS / "Program.java"))
    assert sorted(told.splitlines()) == sorted(lines("java", "client"))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl(scheme):
    url = URL.replace("http", scheme, 1)
    assert below(needs("curl"), "-sS", "--data-binary", "curl", url) == "curl"


def test_a_shell_gets_it_all_from_a_file():
    text = f". $FCEMU_VARIABLES; exec {sys.executable} {PROGRAMS / 'program.py'}"
    assert below("env", "-u", "PYTHONPATH", "sh", "-c", text).splitlines() == lines("python")


CALLER = """
import requests

def call(event, context):
    with requests.Session() as session:
        session.trust_env = False  # neither a proxy nor a certificate
        return session.post(URL, event).content
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_handlers_in_processes_of_their_own(tmp_path, scheme):
    (tmp_path / "index.py").write_text(CALLER.replace("URL", repr(URL.replace("http", scheme, 1))))
    (tmp_path / "hello.py").write_text("def hello(event, context):\n    return b'hello ' + event\n")
    (tmp_path / "fcemu.yaml").write_text("functions: {call: {handler: index.call}, hello: {handler: hello.hello}}\n")
    command = f"{sys.executable} -m fcemu invoke call --payload you"
    told = below("sh", "-c", command, definition=tmp_path)
    assert told == "hello you"


# What the user had before is still there.


def test_a_sitecustomize_of_the_users_own_runs_too(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.HIS = __file__\n")
    text = "import sitecustomize; print(HIS == sitecustomize.__file__, HIS)"
    assert below(sys.executable, "-c", text, PYTHONPATH=str(tmp_path)) == f"True {tmp_path}/sitecustomize.py\n"


def test_variables_that_were_set_are_added_to(tmp_path):
    (tmp_path / "his.pem").write_text("-----his-----\n")
    before = {
        "PYTHONPATH": "/his",
        "NODE_OPTIONS": "--max-old-space-size=99",
        "NODE_EXTRA_CA_CERTS": str(tmp_path / "his.pem"),
        "SSL_CERT_FILE": str(tmp_path / "his.pem"),
        "JAVA_TOOL_OPTIONS": "-Dhis=1",
    }
    folder = tmp_path / "with space"
    folder.mkdir()
    after = intercepting(before, "127.0.0.1:9", 10, folder)
    assert after["PYTHONPATH"].endswith(":/his")
    assert after["NODE_OPTIONS"].startswith("--max-old-space-size=99 --require ")
    assert after["JAVA_TOOL_OPTIONS"].startswith("-Dhis=1 -D")
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        text = Path(after[name]).read_text()
        assert text.startswith("-----his-----\n-----BEGIN CERTIFICATE-----"), name


def test_a_program_that_cannot_be_intercepted_runs_and_says_so(tmp_path):
    alone = tmp_path / "endpoints/child/python"
    shutil.copytree(ROOT / "fcemu/endpoints/child/python", alone)
    done = subprocess.run(
        [sys.executable, "-c", "print(7)"],
        env=os.environ | {"PYTHONPATH": str(alone), "FCEMU_REDIRECT_TO": "127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert done.stderr.startswith("fcemu: connections to FC are not intercepted: ")


# Others.


@pytest.mark.parametrize("port", [80, 443])
def test_with_intercept_only_python_reaches_nobody_else(port):
    text = f"import socket; socket.create_connection(('203.0.113.1', {port}), 5)"
    told = below(sys.executable, "-c", text, options=["--intercept-only"], status=1)
    assert "--intercept-only refuses connections to 203.0.113.1" in told


def test_with_intercept_only_node_reaches_nobody_else():
    text = "require('net').connect(80, '203.0.113.1').on('error', e => { console.log(e.code, e.message) })"
    told = below(needs("node"), "-e", text, options=["--intercept-only"])
    assert told == "ECONNREFUSED --intercept-only refuses connections to 203.0.113.1\n"


def test_with_intercept_only_programs_that_use_the_proxy_reach_nobody_else():
    told = below(needs("curl"), "-sS", "http://bank.example/", options=["--intercept-only"])
    assert told == "fcemu: bank.example is not a host of FC, and --intercept-only refuses all other hosts\n"
    assert below(sys.executable, str(PROGRAMS / "program.py"), options=["--intercept-only"]).splitlines() == lines(
        "python"
    )


def test_node_reaches_this_machine_as_before():
    text = """
const server = require('http').createServer((request, response) => response.end('here'));
server.listen(0, '127.0.0.1', async () => {
  const port = server.address().port;
  for (const host of ['127.0.0.1', 'localhost']) {
    await new Promise((done) => require('http').get({ host, port, family: 4 }, (answer) => {
      answer.on('data', (data) => console.log(String(data))).on('end', done);
    }));
  }
  const path = require('path').join(require('os').tmpdir(), `fcemu-test-${process.pid}`);
  const local = require('net').createServer((one) => one.end('unix')).listen(path, () => {
    require('net').connect(path).on('data', (data) => console.log(String(data))).on('end', () => {
      local.close(); server.close();
    });
  });
});
"""
    told = below(needs("node"), "-e", text, options=["--intercept-only"])
    assert told == "here\nhere\nunix\n"


def test_node_and_python_mean_the_same_hosts():
    source = (ROOT / "fcemu/endpoints/child/node/redirect.js").read_text()
    heads = ("a.b", "1.cn-x", "fc", "fcv3", "fcv3-vpc", "fc-internal", "1.mns", "a.1.mns", "x", "oss", "")
    tails = (
        ".fc.aliyuncs.com",
        ".cn-x.aliyuncs.com",
        ".cn-x-vpc.aliyuncs.com.",
        ".aliyuncs.com",
        ".fcapp.run",
        ".FCAPP.RUN",
        ".run",
    )
    hosts = [f"{head}{tail}" for head in heads for tail in tails]
    rule = source[source.index("const plain") : source.index("const loopback")]
    text = f"{rule}\nconsole.log(JSON.stringify({json.dumps(hosts)}.filter((host) => ours.test(host))));"
    told = subprocess.run([needs("node"), "-e", text], capture_output=True, text=True, timeout=60, check=True)
    ours = [host for host in hosts if is_fc_host(host)]
    assert json.loads(told.stdout) == ours
    assert 10 < len(ours) < len(hosts)
