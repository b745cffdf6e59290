"""The recipes for CI: their YAML is as the runners want it, their shell steps do what the page says in a fresh clone.

bash runs them here, not the runners of GitHub and GitLab; pre-commit is the real one.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/howto/ci.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ACTION = yaml.safe_load((ROOT / ".ci/github/action.yml").read_text(encoding="utf-8"))
COMPONENT = ROOT / "templates/fcemu.yml"
STEP_SECONDS = 240


def recipes(name):
    return [yaml.safe_load(text) for file, text in FILES if file == name]


def test_the_page_has_a_recipe_for_each():
    assert [file for file, _ in FILES] == [
        ".github/workflows/test.yml",
        ".github/workflows/test.yml",
        ".github/workflows/test.yml",
        ".gitlab-ci.yml",
        ".gitlab-ci.yml",
        ".pre-commit-config.yaml",
        ".pre-commit-config.yaml",
    ]


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        *(("github-workflows", text) for file, text in FILES if file.startswith(".github")),
        *(("gitlab-ci", text) for file, text in FILES if file == ".gitlab-ci.yml"),
        ("gitlab-ci", COMPONENT.read_text(encoding="utf-8").partition("\n---\n")[2]),
        ("github-actions", (ROOT / ".ci/github/action.yml").read_text(encoding="utf-8")),
    ],
)
def test_each_file_is_as_its_runner_wants_it(tmp_path, schema, text):
    (tmp_path / "file.yml").write_text(text, encoding="utf-8")
    checker = Path(sys.executable).parent / "check-jsonschema"
    command = [checker, "--builtin-schema", f"vendor.{schema}", tmp_path / "file.yml"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """What a runner has checked out, changes that are not committed yet included."""
    target = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--no-local", str(ROOT), str(target)], check=True, timeout=60)
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def clone(fresh):
    """The same, as it was: jobs change files."""
    yield fresh
    subprocess.run(["git", "checkout", "--quiet", "--", "fixtures"], cwd=fresh, check=True)


def plain_environment():
    ours = ("FCEMU_", "FC_", "PYTHON", "PYTEST_", "GITHUB_", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(fresh, tmp_path_factory):
    """fcemu as a file, which every recipe takes as its source."""
    source = tmp_path_factory.mktemp("source") / "tree"
    shutil.copytree(fresh, source, ignore=shutil.ignore_patterns(".git", "tests"))
    built = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-c", BUILD, built], cwd=source, check=True, capture_output=True, timeout=STEP_SECONDS
    )
    (wheel,) = built.iterdir()
    return wheel


# GitHub.


class Job:
    """The steps of one job, one after the other; ``uses`` of our action are its steps."""

    def __init__(self, clone, temporary):
        self._clone = clone
        self._temporary = temporary
        self.variables = {}
        self._files = {}
        for name in ("ENV", "PATH", "OUTPUT"):
            self._files[name] = temporary / name
            self._files[name].touch()
        self.output = ""

    def do(self, step):
        uses = step.get("uses", "")
        if "/.ci/github@" in uses or uses == "./.ci/github":
            given = {name: known["default"] for name, known in ACTION["inputs"].items()} | step.get("with", {})
            assert given.keys() == ACTION["inputs"].keys(), "an input that the action does not have"
            given["python"] = sys.executable
            for inner in ACTION["runs"]["steps"]:
                if self._wanted(inner, given):
                    self._run(self._filled(inner["run"], given), self._all_filled(inner.get("env", {}), given))
        elif uses:
            assert uses == "actions/checkout@v4"
        else:
            self._run(step["run"], {})

    def _wanted(self, step, given):
        condition = step.get("if")
        if condition is None:
            return True
        name, sign = re.fullmatch(r"\$\{\{ inputs\.(\w+) (==|!=) '' \}\}", condition).groups()
        return (given[name] == "") is (sign == "==")

    def _filled(self, text, given):
        assert "${{" not in text, "scripts get inputs as variables, so that nobody's text becomes code"
        return text

    def _all_filled(self, variables, given):
        return {
            name: re.sub(r"\$\{\{ inputs\.(\w+) \}\}", lambda one: given[one[1]], text)
            for name, text in variables.items()
        }

    def _run(self, script, variables):
        kept = dict(line.split("=", 1) for line in self._files["ENV"].read_text().splitlines())
        paths = [*reversed(self._files["PATH"].read_text().splitlines()), os.environ["PATH"]]
        known = {
            "RUNNER_TEMP": str(self._temporary),
            "GITHUB_ACTION_PATH": str(self._clone / ".ci/github"),
            **{f"GITHUB_{name}": str(path) for name, path in self._files.items()},
        }
        environment = plain_environment() | self.variables | known | kept | variables | {"PATH": os.pathsep.join(paths)}
        log = self._temporary / "log"
        with log.open("w") as output:  # not a pipe: what a step leaves running would keep it open
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
                cwd=self._clone,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=STEP_SECONDS,
            )
        self.output += log.read_text()
        assert done.returncode == 0, f"{script}\n{log.read_text()}"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    """What is installed there is installed once for all jobs."""
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture
def job(clone, temporary):
    """A job whose processes end with it."""
    for left in temporary.iterdir():
        if left.is_file():
            left.unlink()
    yield Job(clone, temporary)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(temporary) in (entry / "cmdline").read_text():
                os.kill(int(entry.name), signal.SIGTERM)
        except (OSError, ValueError):
            continue


def test_the_action_is_what_github_calls_one():
    assert ACTION.keys() == {"name", "description", "inputs", "outputs", "runs"}
    assert ACTION["runs"]["using"] == "composite"
    assert all({"description", "default"} == known.keys() for known in ACTION["inputs"].values())
    for step in ACTION["runs"]["steps"]:
        assert step["shell"] == "bash"
        assert step.keys() <= {"name", "id", "if", "shell", "env", "run"}
    assert {step.get("id") for step in ACTION["runs"]["steps"]} >= {"serve"}


@pytest.mark.parametrize("number", [0, 1, 2], ids=["beside a command", "beside steps", "from a source"])
@pytest.mark.timeout(600)
def test_a_workflow_of_the_page_does_what_it_says(job, wheel, number):
    workflow = recipes(".github/workflows/test.yml")[number]
    assert workflow.keys() == {"name", True, "jobs"}  # YAML 1.1 reads "on" as true, and so does GitHub
    (described,) = workflow["jobs"].values()
    assert described.get("env", {}) == ({} if number < 2 else {"FCEMU_SOURCE": "fcemu"})
    if number == 2:
        job.variables["FCEMU_SOURCE"] = str(wheel)
    for step in described["steps"]:
        job.do(step)
    assert ("from cn-hangzhou" in job.output) is (number == 0)
    assert ('"Succeeded"' in job.output) is (number == 1)


# GitLab.


def done_by_gitlab(job, clone, source):
    """What a job's script writes, with what GitLab and the job say of it; bash is run as GitLab's runners do."""
    plain = {name: each["value"] if isinstance(each, dict) else each for name, each in job["variables"].items()}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = "\n".join(job["script"])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=clone,
        env=plain_environment() | plain | {"FCEMU_SOURCE": str(source), "PATH": path},
        capture_output=True,
        text=True,
        timeout=STEP_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.rmtree(clone / ".fcemu")
    return done.stdout


@pytest.mark.timeout(600)
def test_the_gitlab_job_does_what_it_says(clone, wheel):
    (job,) = recipes(".gitlab-ci.yml")[0].values()
    assert job.keys() == {"image", "variables", "script"}
    assert job["variables"].keys() == {"FCEMU_SOURCE"}
    assert done_by_gitlab(job, clone, wheel).endswith("hi")


@pytest.mark.timeout(600)
def test_the_gitlab_component_does_what_it_says(clone, wheel):
    header, body = yaml.safe_load_all(COMPONENT.read_text(encoding="utf-8"))
    (included,) = recipes(".gitlab-ci.yml")[1]["include"]
    known = header["spec"]["inputs"]
    assert included["component"].partition("@")[0].endswith(f"/{COMPONENT.stem}")
    given = {name: each["default"] for name, each in known.items() if "default" in each} | included["inputs"]
    assert given.keys() == known.keys()

    def filled(value):
        if isinstance(value, dict):
            return {filled(name): filled(each) for name, each in value.items()}
        if isinstance(value, list):
            return list(map(filled, value))
        if isinstance(value, str):
            return re.sub(r"\$\[\[ inputs\.(\w+) \]\]", lambda one: given[one[1]], value)
        return value

    (job,) = filled(body).values()
    assert not any("inputs" in line for line in body["$[[ inputs.job ]]"]["script"]), "nobody's text becomes code"
    assert done_by_gitlab(job, clone, wheel) == "from cn-hangzhou"


# pre-commit.


def test_the_hook_checks_the_definitions_that_it_is_given(clone):
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hook.keys() == {"id", "name", "description", "entry", "language", "files"}
    (repository,) = recipes(".pre-commit-config.yaml")[0]["repos"]
    (local,) = recipes(".pre-commit-config.yaml")[1]["repos"]
    del hook["description"]
    assert local["hooks"] == [hook | {"additional_dependencies": ["fcemu"]}]
    assert repository.keys() == {"repo", "rev", "hooks"}
    assert repository["hooks"] == [{"id": hook["id"]}]
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    files = [name for name in tracked if re.search(hook["files"], name) and "/broken/" not in name]
    assert "fixtures/orders/fcemu.yaml" in files

    def hooked(*names):
        here = plain_environment() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return subprocess.run([*hook["entry"].split(), *names], cwd=clone, env=here, capture_output=True, timeout=60)

    assert hooked(*files).returncode == 0
    (clone / "fixtures/hello/fcemu.yaml").write_text("functions: {hello: {handlr: x.y}}\n")
    done = hooked(*files)
    assert done.returncode == 1
    assert b"handlr" in done.stdout


@pytest.mark.parametrize("number", [0, 1], ids=["the repository", "a source"])
@pytest.mark.timeout(600)
def test_pre_commit_runs_the_hook(fresh, wheel, tmp_path, number):
    """pre-commit itself, in a repository with one good definition and then one that is wrong."""
    recipe = recipes(".pre-commit-config.yaml")[number]
    (repository,) = recipe["repos"]
    name = ["-c", "user.name=test", "-c", "user.email=test@example.com"]

    def git(*words, where):
        done = subprocess.run(["git", *name, *words], cwd=where, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    if number == 0:
        hooks = tmp_path / "fcemu"
        shutil.copytree(fresh, hooks, ignore=shutil.ignore_patterns(".git", "tests"))
        git("init", "--quiet", where=hooks)
        git("add", "--all", where=hooks)
        git("commit", "--quiet", "--no-verify", "--message", "fcemu", where=hooks)
        repository |= {"repo": str(hooks), "rev": git("rev-parse", "HEAD", where=hooks)}
    else:
        repository["hooks"][0]["additional_dependencies"] = [str(wheel)]
    project = tmp_path / "project"
    shutil.copytree(fresh / "fixtures/hello", project / "hello")
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    git("init", "--quiet", where=project)
    environment = plain_environment() | {"PRE_COMMIT_HOME": str(tmp_path / "hooks")}

    def committed():
        git("add", "--all", where=project)
        command = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
        return subprocess.run(
            command, cwd=project, env=environment, capture_output=True, text=True, timeout=STEP_SECONDS
        )

    good = committed()
    assert good.returncode == 0, good.stdout + good.stderr
    assert "Passed" in good.stdout
    (project / "hello/fcemu.yaml").write_text("functions: {hello: {handlr: x.y}}\n")
    wrong = committed()
    assert wrong.returncode == 1
    assert "handlr" in wrong.stdout
