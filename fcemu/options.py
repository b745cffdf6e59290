"""Options: what a user can set of an emulator, by the name that the fixture, the ini file and ``emulator:`` use."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from fcemu.core.limits import RELAXED, STRICT
from fcemu.core.names import Account
from fcemu.core.places import read_places
from fcemu.core.settings import BOUNDS, FIRST_START, LAST_START, THROTTLE_MODES, Settings
from fcemu.core.values import dataclass
from fcemu.engine.chance import CHANCES


@dataclass(frozen=True, slots=True)
class Option:
    """One setting that a user can give: how its text is read, and how its value enters ``Settings``."""

    read: Callable[[str], object]
    takes: tuple[type, ...]


def _flag(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
    try:
        return words[text.strip().lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither true nor false") from None


def _flag_or_word(text: str) -> object:
    """For an option that takes true, false or a word of its own."""
    try:
        return _flag(text)
    except ValueError:
        return text


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"expected a whole number, found {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, found {text!r}") from None


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an instant; write 2026-01-01T00:00:00Z") from None
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; write 2026-01-01T00:00:00Z")
    return instant


def _many_seconds(text: str) -> tuple[float, ...]:
    return tuple(_number(part) for part in text.replace(",", " ").split())


def _destinations(text: str) -> dict[str, str]:
    """``queue:declined=http://127.0.0.1:8080/hook``, several of them separated by blanks."""
    pairs = (pair.partition("=") for pair in text.split())
    return {destination: url for destination, _, url in pairs}


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _read_keys(given: object) -> Mapping[str, str]:
    """Access keys as a mapping of id to secret, or as texts ``ID:SECRET``. Raises ``ValueError``."""
    pairs = [*given.items()] if isinstance(given, dict) else [each.partition(":")[::2] for each in given]  # type: ignore[attr-defined]
    for pair in pairs:
        if not all(isinstance(part, str) and part for part in pair):
            expected = "texts 'ID:SECRET', or a mapping of ids to secrets"
            raise ValueError(f"option access_keys: expected {expected}, found {given!r}")
    return dict(pairs)


OPTIONS: Final[Mapping[str, Option]] = {
    "seed": Option(_whole, (int,)),
    "chance": Option(str, (str,)),
    "start": Option(_instant, (datetime, str)),
    "rate": Option(_number, (int, float)),
    "autojump": Option(_flag, (bool,)),
    "limits": Option(str, (str,)),
    "account_id": Option(str, (str,)),
    "region": Option(str, (str,)),
    "watchdog": Option(_number, (int, float)),
    "grace_seconds": Option(_number, (int, float)),
    "io_grace_seconds": Option(_number, (int, float)),
    "retry_seconds": Option(_many_seconds, (list, tuple)),
    "auth": Option(_flag, (bool,)),
    "access_keys": Option(_words, (dict, list, tuple)),
    "retry_server_errors": Option(_flag, (bool,)),
    "strict_runtimes": Option(_flag, (bool,)),
    "age_excludes_delay": Option(_flag, (bool,)),
    "destination_depth": Option(_whole, (int,)),
    "task_retention_seconds": Option(_number, (int, float)),
    "throttle_mode": Option(str, (str,)),
    "idle_seconds": Option(_number, (int, float)),
    "cold_start_seconds": Option(_number, (int, float)),
    "instance_limit": Option(_whole, (int,)),
    "instances_per_minute": Option(_whole, (int,)),
    "deliver_to": Option(_destinations, (Mapping,)),
    "delivery_retry_seconds": Option(_many_seconds, (list, tuple)),
}
"""Every option of ``Settings`` by the name that the fixture, the ini file and the ``emulator:`` block use."""


OF_EMULATORS: Final[Mapping[str, Callable[[str], object]]] = {
    "allow_host": _words,
    "clock": str,
    "data": str,
    "data_keep": str,
    "data_sync": str,
    "definition": str,
    "intercept": _flag,
    "isolate": _flag,
    "python": str,
    "runtime": str,
    "strict": _flag_or_word,
    "while_down": str,
}
"""The other options of ``LocalEmulator`` and the fixture, each with how its text is read. Values are checked where they
act."""


def settings_of(options: Mapping[str, object], base: Settings | None = None) -> Settings:
    """Settings from options; those that are not given are those of ``base``, or the defaults.

    Raises ``ValueError`` that names the option and says what is expected, also for options that do not exist.
    """
    for name, value in options.items():
        _check(name, value)
    given: Any = dict(options)
    default = base or Settings()
    limits = given.get("limits")
    if limits not in (None, "strict", "relaxed"):
        raise ValueError(f"option limits: expected 'strict' or 'relaxed', found {limits!r}")
    chance = given.get("chance", default.chance)
    if chance not in CHANCES:
        raise ValueError(f"option chance: expected {' or '.join(map(repr, CHANCES))}, found {chance!r}")
    throttle_mode = given.get("throttle_mode", default.throttle_mode)
    if throttle_mode not in THROTTLE_MODES:
        expected = " or ".join(map(repr, THROTTLE_MODES))
        raise ValueError(f"option throttle_mode: expected {expected}, found {throttle_mode!r}")
    start = given.get("start", default.start)
    if isinstance(start, str):
        start = _read("start", start)
    if start.tzinfo is None:
        raise ValueError(f"option start: {start.isoformat()} has no zone; write 2026-01-01T00:00:00Z")
    if not FIRST_START <= start <= LAST_START:
        raise ValueError(f"option start: expected an instant from {FIRST_START:%Y} to {LAST_START:%Y}, found {start}")

    def seconds(name: str, otherwise: timedelta) -> timedelta:
        return timedelta(seconds=given[name]) if name in given else otherwise

    return replace(
        default,
        account=Account(
            id=given.get("account_id", default.account.id), region=given.get("region", default.account.region)
        ),
        limits={None: default.limits, "strict": STRICT, "relaxed": RELAXED}[limits],
        seed=given.get("seed", default.seed),
        chance=chance,
        start=start.astimezone(default.start.tzinfo),
        rate=float(given.get("rate", default.rate)),
        autojump=given.get("autojump", default.autojump),
        retry_seconds=tuple(timedelta(seconds=wait) for wait in given["retry_seconds"])
        if "retry_seconds" in given
        else default.retry_seconds,
        auth=given.get("auth", default.auth),
        access_keys=_read_keys(given["access_keys"]) if "access_keys" in given else default.access_keys,
        retry_server_errors=given.get("retry_server_errors", default.retry_server_errors),
        strict_runtimes=given.get("strict_runtimes", default.strict_runtimes),
        age_excludes_delay=given.get("age_excludes_delay", default.age_excludes_delay),
        destination_depth=given.get("destination_depth", default.destination_depth),
        task_retention=seconds("task_retention_seconds", default.task_retention),
        throttle_mode=throttle_mode,
        idle=seconds("idle_seconds", default.idle),
        cold_start=seconds("cold_start_seconds", default.cold_start),
        instance_limit=given.get("instance_limit", default.instance_limit),
        instances_per_minute=given.get("instances_per_minute", default.instances_per_minute),
        deliver_to=_places(given["deliver_to"]) if "deliver_to" in given else default.deliver_to,
        delivery_retry_seconds=tuple(timedelta(seconds=wait) for wait in given["delivery_retry_seconds"])
        if "delivery_retry_seconds" in given
        else default.delivery_retry_seconds,
        watchdog=seconds("watchdog", default.watchdog),
        grace=seconds("grace_seconds", default.grace),
        io_grace=seconds("io_grace_seconds", default.io_grace),
    )


def _places(given: Mapping[str, object]) -> dict[str, str]:
    try:
        return read_places(given)
    except ValueError as wrong:
        raise ValueError(f"option deliver_to: {wrong}") from None


def read_option(name: str, text: str) -> object:
    """The value of an option that is given as text; raises ``ValueError`` that names it."""
    if name not in OPTIONS and name not in OF_EMULATORS:
        raise ValueError(_unknown_option(name))
    return _read(name, text)


def _read(name: str, text: str) -> Any:
    try:
        return OF_EMULATORS[name](text) if name in OF_EMULATORS else OPTIONS[name].read(text)
    except ValueError as wrong:
        raise ValueError(f"option {name}: {wrong}") from None


def _check(name: str, value: object) -> None:
    option = OPTIONS.get(name)
    if option is None:
        raise ValueError(_unknown_option(name))
    if not isinstance(value, option.takes) or (isinstance(value, bool) and bool not in option.takes):
        expected = " or ".join(kind.__name__ for kind in option.takes)
        raise ValueError(f"option {name}: expected {expected}, found {value!r}")
    bounds = BOUNDS.get(name)
    if bounds is None:
        return
    if name == "retry_seconds" and not value:
        raise ValueError(f"option retry_seconds: expected at least one number of seconds, found {value!r}")
    for number in value if isinstance(value, list | tuple) else (value,):
        if (refusal := bounds.refusal(number)) is not None:
            raise ValueError(f"option {name}: {refusal}, found {number!r}")


LATER: Final = frozenset(
    {
        "explore",
    }
)
"""Options that are promised and not there yet: refused by name, never ignored."""


def _unknown_option(name: str) -> str:
    """What to say of an option that does not exist."""
    from difflib import get_close_matches

    if name in LATER:
        return f"option {name!r} is not supported yet"
    known = sorted({*OPTIONS, *OF_EMULATORS})
    close = get_close_matches(name, known, 1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return f"there is no option {name!r}{hint} Options: {', '.join(known)}"
