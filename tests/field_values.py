"""Hypothesis strategies for the values of fields, made from the kinds of their rows."""

from hypothesis import strategies as st

from fcemu.core.fields.fc_kinds import Cron, Layers, Methods, Qualifier, Target, Variables, Weights
from fcemu.core.fields.kinds import AnyList, AnyMap, Choice, Duration, Flag, Kind, Number, Text, TextMap, Texts, Whole
from fcemu.core.limits import STRICT, Limits
from fcemu.core.triggers import METHODS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ["", " ", "a\nb", "yes", "1.10", "017", "null", "~", "中文", "${vars.x}", "#"]
)
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).filter(str.isprintable)
PLAIN = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
ARNS = st.integers(1, 9).map(lambda number: f"acs:fc:cn-hangzhou:official:layers/Tools/versions/{number}")
DESTINATIONS = st.sampled_from(
    [
        "acs:mns:cn-hangzhou:1234567890123456:/queues/failed/messages",
        "acs:fc:cn-hangzhou:1234567890123456:functions/other/live",
        "acs:eventbridge:cn-hangzhou:1234567890123456:eventbus/orders",
        "acs:mns:cn-hangzhou:1234567890123456:/topics/news/messages",
    ]
)
"""Of this account: a definition has the short forms of destinations, so that those of others come back as its own."""
VARIABLES = st.dictionaries(st.from_regex("[A-EG-Z][A-Za-z0-9_]{0,5}", fullmatch=True), TEXTS, max_size=2)


def values(kind: Kind, limits: Limits = STRICT) -> st.SearchStrategy:
    """Plain data that a kind takes."""
    match kind:
        case Choice(words):
            return st.sampled_from(words)
        case Flag():
            return st.booleans()
        case Whole(_, bounds, step):
            least, most = (0, 2**31) if bounds is None else bounds(limits)
            return st.integers(-(-least // step), most // step).map(lambda count: count * step)
        case Duration(bounds):
            return st.integers(*bounds(limits))
        case Number(_, least, most):
            return st.floats(least or 0, 1000 if most is None else most, allow_nan=False)
        case Text(pattern=pattern) if pattern:
            return st.from_regex(pattern, fullmatch=True)
        case Text(printable=True):
            return PRINTABLE.filter(bool)  # an empty handler says that there is none
        case Text():
            return TEXTS
        case Texts(each=each):
            return st.lists(values(each, limits), max_size=2)
        case AnyList():
            return st.lists(PLAIN, max_size=2)
        case AnyMap():
            return st.dictionaries(TEXTS, PLAIN, max_size=2)
        case TextMap():
            return st.dictionaries(TEXTS, TEXTS, max_size=2)
        case Variables():
            return VARIABLES.filter(lambda given: not {"accessKeyID", "securityToken", "topic"} & given.keys())
        case Weights():
            return st.dictionaries(st.just("1"), st.floats(0, 1), max_size=1)
        case Methods():
            return st.lists(st.sampled_from(METHODS), max_size=2, unique=True)
        case Layers():
            return st.lists(ARNS, max_size=2)
        case Target():
            return DESTINATIONS
        case Qualifier():
            return st.sampled_from(["LATEST", "1"])
        case Cron():
            return st.sampled_from(kind.examples)
    raise AssertionError(f"{kind} needs a strategy")
