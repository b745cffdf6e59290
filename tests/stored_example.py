"""One of everything that a store keeps, defined or made through the API, for the tests of its form.

``python tests/stored_example.py`` writes the files of the form of today: once for each version of it.
"""

import base64
import io
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from acceptance.control import Api

from fcemu.stores.sqlite import APPLICATION, VERSION
from fcemu.testing import LocalEmulator

STORED = Path(__file__).parent / "stored"
FIXTURE = Path(__file__).resolve().parent.parent / "fixtures" / "everything"
WHERE = "/srv/everything"
"""Where the code of the definition is in the files."""
HANDLER = "def handler(event, context): return event\n"


def zipped(name: str, text: str) -> dict[str, str]:
    """A zip with one file, byte for byte the same each time, as it stands in a body."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return {"zipFile": base64.b64encode(buffer.getvalue()).decode()}


def fill(path: Path) -> LocalEmulator:
    """An emulator that keeps in a file at ``path`` whatever can be defined, and still runs."""
    emulator = LocalEmulator(FIXTURE, data=path, strict=False)
    api = Api(emulator)

    def old(method: str, path: str, document: object = None) -> None:
        api._ask(method, f"/2021-04-06{path}", document)

    emulator.advance(60)
    made = {"functionName": "made", "runtime": "python3.10", "handler": "index.handler", "cpu": 0.5}
    api("POST", "/functions", made | {"code": zipped("index.py", HANDLER), "tags": [{"Key": "team", "Value": "back"}]})
    for description in ("first", "second"):
        api("PUT", "/functions/made", {"code": zipped("index.py", f"# {description}\n{HANDLER}")})
        api("POST", "/functions/made/versions", {"description": description})
    api("DELETE", "/functions/made/versions/2")
    api("POST", "/functions/made/aliases", {"aliasName": "live", "versionId": "1", "description": "d"})
    config = '{"cronExpression": "@every 10m", "enable": true, "payload": "p"}'
    timer = {"triggerName": "often", "triggerType": "timer", "triggerConfig": config}
    api("POST", "/functions/made/triggers", timer)
    web = {
        "triggerName": "web",
        "triggerType": "http",
        "triggerConfig": '{"authType": "anonymous"}',
        "qualifier": "live",
    }
    api("POST", "/functions/made/triggers", web)
    destinations = {"onSuccess": {"destination": "acs:eventbridge:::eventbus/b"}}
    destinations["onFailure"] = {"destination": "acs:mq:::/instances/i/topics/t/messages"}
    settings = {"maxAsyncRetryAttempts": 0, "maxAsyncEventAgeInSeconds": 60, "destinationConfig": destinations}
    api("PUT", "/functions/made/async-invoke-config?qualifier=live", settings)
    api("PUT", "/functions/made/concurrency", {"reservedConcurrency": 3})
    api("POST", "/functions/made/vpc-bindings", {"vpcId": "vpc-9"})
    routes = {"routes": [{"path": "/*", "functionName": "made", "qualifier": "live", "rewriteConfig": {"a": 1}}]}
    domain = {"domainName": "made.example.test", "protocol": "HTTP", "routeConfig": routes}
    api("POST", "/custom-domains", domain)
    layer = {"code": zipped("words.py", "GOOD = 1\n"), "compatibleRuntime": ["python3.10"]}
    for _ in range(2):
        api("POST", "/layers/more/versions", layer)
    api("DELETE", "/layers/more/versions/2")
    old("PUT", "/services/desk", {"description": "more counters", "internetAccess": False})
    old("POST", "/services/desk/functions/counter/event-sources", {"sourceArn": "acs:oss:cn-hangzhou::b"})
    emulator.advance(60)
    return emulator


def catalog_text(note: object) -> str:
    """The note of what is defined, to be compared line by line."""
    return json.dumps(note, indent=1).replace(str(FIXTURE), WHERE) + "\n"


def main() -> None:
    """Write a whole file as SQL, and what it says of what is defined."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.db"
        fill(path).close()
        with closing(sqlite3.connect(path)) as db:
            text = "\n".join(db.iterdump()).replace(str(FIXTURE), WHERE)
            ((note,),) = db.execute("SELECT value FROM notes WHERE name = 'catalog'")
    pragmas = f"PRAGMA application_id={APPLICATION};\nPRAGMA user_version={VERSION};\n"
    (STORED / f"form-{VERSION}.sql").write_text(f"{text}\n{pragmas}")
    (STORED / f"catalog-{VERSION}.json").write_text(catalog_text(json.loads(note)))


if __name__ == "__main__":
    main()
