"""Start: to the first answer, and with a definition to the first invocation, against a bare aiohttp program."""

from common import BARE, SERVE, SMALL, free_port, line, sized, start

ROUNDS = sized(1, 21, 31)


def seconds(command: list[str], method: str, path: str) -> float:
    """From the start of the process to its first 200."""
    port = free_port()
    process, took = start([*command, str(port)], port, method, path)
    process.terminate()
    process.wait(30)
    return took


def main() -> None:
    """Print two ratios. What all three import has been compiled by the first start of each, as an installation does."""
    empty = [*SERVE, "--port"]
    hello = [*SERVE, "fixtures/hello", "--runtime", "inline", "--port"]
    invoke = "/2023-03-30/functions/hello/invocations"
    if not SMALL:
        seconds(BARE, "GET", "/"), seconds(empty, "GET", "/_fcemu/health"), seconds(hello, "POST", invoke)
    bare, first, invoked = [], [], []
    for _ in range(ROUNDS):
        bare.append(seconds(BARE, "GET", "/"))
        first.append(seconds(empty, "GET", "/_fcemu/health"))
        invoked.append(seconds(hello, "POST", invoke))
    line("serve without definition to its first answer", first, bare, "s")
    line("serve fixtures/hello to its first invocation", invoked, bare, "s")


if __name__ == "__main__":
    main()
