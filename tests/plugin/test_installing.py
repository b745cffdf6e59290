"""The plugin where fcemu is installed from its wheel, where it is a source tree alone, and where both are there."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from patience import CHILD_SECONDS

ROOT = Path(__file__).parent.parent.parent
TREE = ("LICENSE", "README.md", "fcemu", "pyproject.toml", "pytest_plugin.py")
"""What a wheel is built from; a copy has no ``build/`` of earlier builds, whose files setuptools would pack too."""
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
USES_FCEMU = "def test_it(fcemu): assert fcemu.invocations == []"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A source tree that nothing was ever installed from."""
    copy = tmp_path_factory.mktemp("tree")
    for name in TREE:
        whole = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        whole(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """What fcemu needs, without fcemu and without the entry points of other plugins: pytest loads none of them."""
    found = tmp_path_factory.mktemp("libraries")
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for each in Path(place).iterdir():
            entries = each / "entry_points.txt"
            if each.name != "fcemu" and not (entries.exists() and "[pytest11]" in entries.read_text(encoding="utf-8")):
                (found / each.name).symlink_to(each)
    return found


@pytest.fixture(scope="module")
def installed(tree, tmp_path_factory):
    """What an installer puts into an environment: the unpacked wheel."""
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    source = shutil.copytree(tree, tmp_path_factory.mktemp("build") / "tree")
    done = subprocess.run([sys.executable, "-c", BUILD, str(built)], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = built.iterdir()
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture
def run(pytester, libraries, monkeypatch):
    """Run ``python -m pytest`` in the test's directory, with these places to import from and no site-packages."""

    def run(*places, arguments=()):
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (*places, libraries))))
        command = [sys.executable, "-S", "-m", "pytest", "-p", "no:cacheprovider", "-W", "error", *arguments]
        return pytester.run(*command, timeout=CHILD_SECONDS)

    return run


def test_the_package_is_all_that_is_installed(installed):
    names = {each.name for each in installed.iterdir()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"fcemu"}
    assert (installed / "fcemu" / "pytest_plugin.py").exists()


def test_a_users_own_pytest_plugin_hides_nothing(run, installed, pytester):
    pytester.makepyfile(
        pytest_plugin="import pytest\n@pytest.fixture\ndef theirs(): return 'theirs'",
        conftest="pytest_plugins = ['pytest_plugin']",
        test_it="def test_it(fcemu, theirs): assert (fcemu.invocations, theirs) == ([], 'theirs')",
    )
    run(installed).assert_outcomes(passed=1)


@pytest.mark.parametrize("also_installed", [False, True])
def test_a_source_tree_has_the_plugin_by_p_pytest_plugin(run, tree, installed, pytester, also_installed):
    pytester.makepyfile(USES_FCEMU)
    places = (tree, installed) if also_installed else (tree,)
    run(*places, arguments=["-p", "pytest_plugin"]).assert_outcomes(passed=1)


def test_the_plugin_is_switched_off_by_the_name_of_its_module(run, installed, pytester):
    pytester.makepyfile("""
        import sys

        def test_of_something_else():
            assert "fcemu" not in sys.modules

        def test_it(fcemu):
            pass
    """)
    result = run(installed, arguments=["-p", "no:fcemu.pytest_plugin"])
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture 'fcemu' not found"])
