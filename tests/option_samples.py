"""A legal value of each option that is not its default, as text and as a value of Python."""

from datetime import UTC, datetime

from fcemu.core.option_kinds import Flag, Instant, Number, Places, Probabilities, Secrets, Span, Texts, Variables, Waits
from fcemu.core.options import OPTIONS
from fcemu.core.settings import default_of

TEXTS = {
    "account_id": "42",
    "allow_host": "a.example, b.example",
    "data": "kept.db",
    "debug": "f",
    "definition": "app",
    "env": "staging",
    "host": "127.0.0.2",
    "pass_env": "HOME, LC_*",
    "python": "/bin/sh",
    "ready_file": "ready",
    "region": "cn-beijing",
    "repeat": "AXic",
    "token": "secret",
}


def text_of(name):
    """The text by which tests say an option."""
    option = OPTIONS[name]
    match option.kind:
        case Flag(word="idle"):
            return "idle"
        case Flag():
            return "no" if default_of(option) else "yes"
        case Waits():
            return "1, 2.5"
        case Number():
            return "7"
        case Instant():
            return "2027-05-05T00:00:00Z"
        case Secrets():
            return "LTAI1:s1 LTAI2:s2"
        case Places():
            return "queue:q=http://127.0.0.1:9/hook"
        case Probabilities():
            return "repeat=0.2 crash=0"
        case Span():
            return "2d"
        case Variables():
            return "no text can say it"
    default = default_of(option)
    return next((word for word in option.kind.words if word != default), None) or TEXTS[name]


def value_of(name):
    """The same as Python has it."""
    text, kind = text_of(name), OPTIONS[name].kind
    match kind:
        case Flag(word="idle"):
            return "idle"
        case Flag():
            return text == "yes"
        case Waits():
            return [1, 2.5]
        case Number():
            return 7
        case Instant():
            return datetime(2027, 5, 5, tzinfo=UTC)
        case Secrets():
            return {"LTAI1": "s1", "LTAI2": "s2"}
        case Places():
            return {"queue:q": "http://127.0.0.1:9/hook"}
        case Probabilities():
            return {"repeat": 0.2, "crash": 0}
        case Variables():
            return {}
        case Texts():
            return text.split(", ")
    return text
