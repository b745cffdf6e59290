"""What is told of a search: the lines of a test's report."""

from fcemu.core.script import numbered
from fcemu.search.explorer import Result


def lines_of(result: Result) -> list[str]:
    """What was found, and each choice in words; or what was searched in vain."""
    if result.choices is None:
        return [survived(result)]
    many = set(numbered(result.asked))
    lines = [f"FAILED after {result.runs} runs, shrunk from {len(result.asked)} choices to {len(result.choices)}"]
    lines += [f"  choice {n}: {one.words(many)}" for n, one in enumerate(result.choices, 1)]
    if len(result.broken) > 1:
        lines.append(
            f"  {len(result.broken)} of {result.runs - 1} runs fail; besides "
            "choice 1, these choices make the test fail:"
        )
        lines += [f"    {one.words(many)}" for choices in result.broken[1:] for one in choices]
    if not result.choices:
        lines.append("  the test fails without any choice: the calm run fails")
    if result.doubt:
        lines.append(f"  the failure may not repeat: {result.doubt}")
    return lines


def survived(result: Result) -> str:
    """What a search that found nothing has proved."""
    if result.complete and result.exhaustive:
        return f"complete: {result.runs} runs with at most {result.exhaustive} deviations, no failure"
    if result.complete:
        return f"complete: {result.runs} runs, all that there are, no failure"
    bound = f", not all with at most {result.exhaustive} deviations" if result.exhaustive else ""
    return f"no failure in {result.runs} runs{bound}"


def repeat_line(test: str, token: str) -> str:
    """The command that repeats a failure."""
    return f'repeat: pytest "{test}" --fcemu-repeat={token}'
