"""What is told of a search: the lines of a test's report."""

from collections.abc import Iterable, Mapping, Sequence

from fcemu.core.questions import START, Choice
from fcemu.core.script import numbered
from fcemu.search.explorer import Result


def lines_of(result: Result, escapes: Sequence[str] = (), differs: str = "") -> list[str]:
    """What was found, and each choice in words; or what was searched in vain. ``escapes``: what handlers did that no
    seed decides; ``differs``: how the run that failed differs from the same run once more."""
    if result.choices is None:
        return [survived(result)]
    many = set(numbered(result.asked))
    lines = [f"FAILED after {result.runs} runs, shrunk from {len(result.asked)} choices to {len(result.choices)}"]
    lines += [f"  choice {n}: {told(one, result.whys, many)}" for n, one in enumerate(result.choices, 1)]
    if len(result.broken) > 1:
        lines.append(
            f"  {len(result.broken)} of {result.runs - 1} runs fail; besides choice 1, these choices make the test "
            "fail:"
        )
        lines += [f"    {told(one, result.whys, many)}" for choices in result.broken[1:] for one in choices]
    if not result.choices:
        lines.append("  the test fails without any choice: the calm run fails")
    if result.doubt:
        lines.append(f"  the failure may not repeat: {result.doubt}")
        lines += [f"    {line}" for line in differs.splitlines()]
    lines += reasons(escapes, "this run may not repeat")
    return lines


def told(choice: Choice, whys: Mapping[str, str], numbered: Iterable[str] = ()) -> str:
    """What happened, as a sentence; of an instant, with what is special about it."""
    why = whys.get(choice.place) if choice.question == START else None
    return choice.words(numbered) + (f", {why}" if why else "")


def reasons(escapes: Sequence[str], what: str) -> list[str]:
    """Why a run may not be the same when it is made again."""
    return [f"  {what} because {escape}" for escape in escapes]


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
