"""Every code block of README.md and docs/ runs, every link leads somewhere, what is made from code is up to date."""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from patience import CHILD_SECONDS

ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "fixtures").rglob("README.md")),
]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INSTALLING = "python3 -m venv"
"""The two commands of the README; the build itself runs them, in a fresh clone."""


def blocks(kind):
    return [
        pytest.param(text, id=f"{path.name}:{path.read_text(encoding='utf-8')[: found.start()].count(chr(10)) + 1}")
        for path in DOCUMENTS
        for found in BLOCK.finditer(path.read_text(encoding="utf-8"))
        if found[1] == kind and INSTALLING not in (text := found[2])
    ]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


FILE = re.compile(r"(?:python|yaml|ini) (\S+\.\w+)")
"""The head of a block that is a file of this name."""
STORIES = [path for path in DOCUMENTS if "```sh step\n" in path.read_text(encoding="utf-8")]
"""Documents to follow from top to bottom: files are written, steps are run, and say what the page says they say."""


def environment(**more):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FCEMU_", "FC_"))}
    return kept | {"PATH": path} | more


def run(command, directory, env):
    return subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, timeout=CHILD_SECONDS)


@pytest.mark.parametrize("text", blocks("python"))
def test_python_blocks_are_passing_tests(folder, text):
    (folder / "test_block.py").write_text(text, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "test_block.py",
    ]
    done = run(command, folder, environment())
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.fixture
def server(folder):
    """The server of the README, started by its own command, on a free port."""
    [block] = blocks("sh server")
    ready = folder / "ready"
    process = subprocess.Popen(
        block.values[0].split(),
        cwd=folder,
        env=environment(FCEMU_PORT="0", FCEMU_READY_FILE=str(ready)),
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    while not ready.exists():
        line = process.stderr.readline()
        assert line, "".join(said)
        said.append(line)
    with process:
        yield ready.read_text().strip()
        process.send_signal(signal.SIGTERM)
        process.stderr.read()
    assert process.returncode == 0


def test_the_servers_blocks_run_one_after_the_other(server, folder):
    for block in [*blocks("sh"), *blocks("python client")]:
        (text,) = block.values
        command = ["bash", "-euc", text] if "import " not in text else [sys.executable, "-W", "ignore", "-c", text]
        host = server.removeprefix("http://")
        env = environment(FCEMU_URL=server, FC_HOST=host)
        done = run(command, folder, env)
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_page_of_steps_can_be_followed(path, folder):
    """In a directory of its own, beside ``fixtures``; ``cd`` holds for the steps and files that follow."""
    here, output = folder, ""
    shutil.rmtree(folder / "fixtures/bugs")  # its tests fail, as they should; a step may run all tests
    for found in BLOCK.finditer(path.read_text(encoding="utf-8")):
        kind, text = found.groups()
        if file := FILE.fullmatch(kind):
            (here / file[1]).write_text(text, encoding="utf-8")
        elif kind == "sh step":
            done = run(["bash", "-euc", f"{text}\npwd >{folder}/where"], here, environment())
            output = f"{done.stdout}\n{done.stderr}"
            assert done.returncode == 0, f"{text}\n{output}"
            here = Path((folder / "where").read_text().strip())
        elif kind == "text output":
            wanted = [line for line in text.splitlines() if line != "…"]
            assert [line for line in output.splitlines() if line in wanted] == wanted, output


def test_no_block_is_of_a_kind_that_nobody_runs():
    for path in DOCUMENTS:
        kinds = {found[1] for found in BLOCK.finditer(path.read_text(encoding="utf-8"))}
        known = {"python", "python client", "sh", "sh server", "yaml", "mermaid", "text", "json"}
        known.add("python testcontainers")  # which tests/test_container.py runs
        if path in STORIES:
            known |= {"sh step", "text output", *filter(FILE.fullmatch, kinds)}
        assert kinds <= known, path


@pytest.mark.parametrize("plugins", [True, False], ids=["with the plugins of the tests", "with the package alone"])
def test_the_readmes_test_passes_in_an_empty_directory(tmp_path, plugins):
    """As after either of the README's commands: the second one installs plugins, the first one only fcemu's own."""
    (test,) = (block.values[0] for block in blocks("python") if "tried_three_times" in block.values[0])
    (tmp_path / "test_charge.py").write_text(test, encoding="utf-8")
    alone = {} if plugins else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p fcemu.pytest_plugin"}
    done = run([sys.executable, "-m", "pytest", "-q"], tmp_path, environment(**alone))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_the_readme_fits_on_150_lines():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def anchors(page):
    """What a link into a page may name: its headings, in the form that browsers of repositories give them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    targets = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", path.read_text(encoding="utf-8"))
    pages = [(path.parent / target if target else path, anchor) for target, anchor in targets if "://" not in target]
    assert [page for page, _ in pages if not page.exists()] == []
    assert [(page, anchor) for page, anchor in pages if anchor and anchor not in anchors(page)] == []


NOTES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs/fc").glob("[!R]*.md"))}
"""What is known of FC, by the name under which code and tests refer to it."""
REFERENCE = re.compile(rf"\b({'|'.join(NOTES)}),? §(\d+(?:\.\d+)*)((?:(?:,| and|-|, ) ?§\d+(?:\.\d+)*)*)")


def sections(text):
    """The numbers of a page's headings, and of the numbered points below a heading: 4.7 is the seventh of section 4."""
    found, heading = set(), ""
    for line in text.splitlines():
        if head := re.match(r"#+ (\d+(?:\.\d+)*)\b", line):
            heading = head[1]
            found.add(heading)
        elif point := re.match(r"(\d+)\. ", line):
            found.add(f"{heading}.{point[1]}")
    return found


def test_every_section_of_the_notes_on_fc_that_is_referred_to_exists():
    there = {page: sections(text) for page, text in NOTES.items()}
    referring = [path for folder in ("fcemu", "tests", "docs") for path in (ROOT / folder).rglob("*.[pmj][yds]")]
    references = {
        (page, number, path.relative_to(ROOT).as_posix())
        for path in referring
        for page, first, more in REFERENCE.findall(path.read_text(encoding="utf-8"))
        for number in [first, *re.findall(r"[\d.]*\d", more)]
    }
    assert len(references) > 100
    assert [each for each in sorted(references) if each[1] not in there[each[0]]] == []


def test_what_is_made_from_the_code_is_up_to_date():
    command = [sys.executable, str(ROOT / "docs/generate.py"), "--check"]
    done = run(command, ROOT, environment())
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nrun docs/generate.py"


ASSUMED = sorted(path for path in (ROOT / "fcemu").rglob("*.py") if "ASSUMED" in path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", ASSUMED, ids=lambda path: path.relative_to(ROOT / "fcemu").as_posix())
def test_each_assumption_is_a_sentence_that_belongs_to_a_subject(monkeypatch, path):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    source = path.read_text(encoding="utf-8")
    texts = list(generate.assumptions(source))
    assert len(texts) == source.count("ASSUMED"), "a mark is written `ASSUMED: ` and followed by a sentence"
    for text in texts:
        assert re.fullmatch(r"(?:[A-Z]|fcemu |``).*\.", text), text
        assert len(text.split()) >= 5, text
        assert generate.subject_of(text, path.relative_to(ROOT / "fcemu").as_posix()) in generate.SUBJECTS


EXPLAINED = re.findall(
    r"^\| (.+?) \| (.+?) \| `(\S+\.py)`(?: `(\w+)`)? \|$",
    (ROOT / "docs/glossary.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
"""Of the glossary: a word, what it means, the module where it stands, and the class or function of it."""


@pytest.mark.parametrize(("word", "meaning", "module", "name"), EXPLAINED, ids=[word for word, *_ in EXPLAINED])
def test_each_word_of_the_glossary_is_a_sentence_about_something_that_exists(word, meaning, module, name):
    assert re.fullmatch(r"(?:[A-Z]|`).*[^.]\.", meaning)
    source = (ROOT / "fcemu" / module).read_text(encoding="utf-8")
    assert not name or re.search(rf"^(?:class|def) {name}\b", source, re.MULTILINE)


def test_the_glossary_explains_each_module_of_the_engine_the_handlers_and_the_shelves():
    package = ROOT / "fcemu"
    modules = [*package.glob("engine/*.py"), *package.glob("handler/*.py"), *package.glob("core/shel*.py")]
    names = {path.relative_to(package).as_posix() for path in modules if path.name != "__init__.py"}
    assert names - {module for _, _, module, _ in EXPLAINED} == set()


def test_every_file_that_the_map_for_contributors_names_exists():
    page = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    section = page.partition("## Where would I change…")[2].partition("\n## ")[0]
    named = {name for name in re.findall(r"`([\w./]+(?:\.py|\.md|\.yaml|/))`", section) if "NAME" not in name}
    assert len(named) > 30
    folders = [ROOT, ROOT / "fcemu", ROOT / "fcemu/api"]
    assert [name for name in sorted(named) if not any((folder / name).exists() for folder in folders)] == []


def test_the_readme_names_two_commands_of_one_line_each():
    commands = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith(INSTALLING)]
    assert len(commands) == 2
    assert commands[0].endswith("fcemu demo")
    assert commands[1].endswith("pytest")
