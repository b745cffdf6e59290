"""What loading a definition of 500 functions costs, against composing the same YAML with the same reader."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import yaml
from common import line, sized

from fcemu.config import read_definition

FUNCTION = """\
  charge{number}:
    handler: handlers/charge.run
    runtime: python3.10
    timeout: 10
    memorySize: 512
    environmentVariables:
      CURRENCY: CNY
      LEVEL: INFO
    initializer: handlers/charge.connect
    asyncInvokeConfig:
      maxAsyncRetryAttempts: 2
      maxAsyncEventAgeInSeconds: 900
      onSuccess: function:charge0
      onFailure: queue:charge-failed
    triggers:
      nightly: {{timer: '0 0 2 * * *', payload: all}}
"""
FUNCTIONS = 500


def seconds(run: Callable[[], object]) -> float:
    """Of one call, of the processor: other programs do not count."""
    begin = time.process_time()
    run()
    return time.process_time() - begin


def main() -> None:
    """Print the ratio."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "fcemu.yaml"
        text = "functions:\n" + "".join(FUNCTION.format(number=number) for number in range(FUNCTIONS))
        file.write_text(text)
        (Path(directory) / "handlers").mkdir()
        (Path(directory) / "handlers" / "charge.py").write_text("def run(event, context): ...\n")
        assert len(read_definition(file).functions) == FUNCTIONS
        ours: list[float] = []
        baseline: list[float] = []
        for _ in range(sized(1, 9, 25)):
            baseline.append(seconds(lambda: yaml.compose(text, Loader=loader)))
            ours.append(seconds(lambda: read_definition(file)))
    line(f"definition of {FUNCTIONS} functions, {loader.__name__}", ours, baseline, "s")


if __name__ == "__main__":
    main()
