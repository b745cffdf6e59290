"""What fc-go-sdk signs and sends, by a program of our own, ``go/main.go``."""

import os
import shutil
import subprocess
from pathlib import Path

from clients.lines import CACHE, Lines, missing

SOURCE = Path(__file__).parent / "go" / "main.go"
PROGRAM = CACHE / "sdk-go"


def client(endpoint: str) -> Lines:
    """Compiles the program when it is not as new as its source. Skips the test where there is no Go."""
    if not PROGRAM.exists() or PROGRAM.stat().st_mtime < SOURCE.stat().st_mtime:
        compiler = shutil.which("go")
        if compiler is None:
            missing("there is no go")
        CACHE.mkdir(parents=True, exist_ok=True)
        made = CACHE / f"sdk-go.{os.getpid()}"
        subprocess.run([compiler, "build", "-o", made, SOURCE], check=True, env={**os.environ, "GOTOOLCHAIN": "local"})
        os.replace(made, PROGRAM)
    return Lines([str(PROGRAM), endpoint], {})
