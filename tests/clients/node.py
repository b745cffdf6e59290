"""The released Node SDKs, behind ``node/client.js``."""

import shutil
from functools import partial
from pathlib import Path

from clients.lines import CACHE, Lines, missing

HERE = Path(__file__).parent / "node"
MODULES = CACHE / "node_modules"


def client(package: str, endpoint: str) -> Lines:
    """Skips the test where there is no Node, or where the package is not installed."""
    node = shutil.which("node")
    if node is None:
        missing("there is no node")
    if not (MODULES / package).is_dir():
        missing(f"{package} is not in {MODULES}")
    return Lines([node, str(HERE / "client.js"), package, endpoint], {"NODE_PATH": str(MODULES)})


fc2 = partial(client, "@alicloud/fc2")
fc3 = partial(client, "@alicloud/fc20230330")
