"""The Pythons of this machine, by version, that may run handlers."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

VERSIONS = [(3, minor) for minor in range(6, 16)]
_ASK = "import json, sys; print(json.dumps([sys.executable, *sys.version_info[:2]]))"


def _places(version):
    name = f"python{version[0]}.{version[1]}"
    yield from filter(None, [shutil.which(name)])
    for root in (os.environ.get("PYENV_ROOT"), Path.home() / ".pyenv"):
        yield from sorted(Path(root or os.devnull).glob(f"versions/*/bin/{name}"))


@cache
def python(version):
    """The path of an interpreter of that version; ``None`` where there is none that runs."""
    for place in _places(version):
        done = subprocess.run([place, "-c", _ASK], capture_output=True, text=True, check=False)
        if done.returncode == 0 and tuple(json.loads(done.stdout)[1:]) == version:
            return json.loads(done.stdout)[0]
    return None
