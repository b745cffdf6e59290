"""Which events a trigger lets through: by the name, prefix, suffix, tag, domain or pattern that it is set to."""

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

Config = Mapping[str, Any]
Said = Mapping[str, Any]
MISSING: Final = object()
OSS_EVENTS: Final = (
    *("oss:ObjectCreated:*", "oss:ObjectRemoved:*", "oss:ObjectModified:*"),
    *(
        f"oss:ObjectCreated:{name}"
        for name in (
            *("PutObject", "PostObject", "CompleteMultipartUpload", "PutSymlink", "CopyObject"),
            *("InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "AppendObject"),
        )
    ),
    *(f"oss:ObjectRemoved:{name}" for name in ("DeleteObject", "DeleteObjects", "AbortMultipartUpload")),
    "oss:ObjectModified:UpdateObjectMeta",
)
"""What can happen to objects. Source: yaml-formats §1.4. ASSUMED: fcemu takes ``*`` in place of the last word of an
event of OSS in each group of events."""


class NotFired(Exception):
    """A trigger does not let an event through, so nothing is invoked; the text says why."""


def oss(config: Config, said: Said) -> str | None:
    """Source: FC's documents, "OSS trigger": ``oss:ObjectCreated:*`` stands for all that create an object.

    ASSUMED: fcemu lets every event pass a trigger of OSS that names no ``events``.
    """
    name, wanted = f"oss:{said['event']}".replace("oss:oss:", "oss:"), config.get("events") or ["*"]
    if not any(fnmatchcase(name, str(each)) for each in wanted):
        return f"{name} is not one of its events: {', '.join(map(str, wanted))}"
    key = _at(_at(config, "filter"), "key")
    prefix, suffix = str(key.get("prefix") or ""), str(key.get("suffix") or "")
    if not said["object"].startswith(prefix):
        return f"the object {said['object']!r} does not begin with its prefix {prefix!r}"
    if not said["object"].endswith(suffix):
        return f"the object {said['object']!r} does not end with its suffix {suffix!r}"
    return None


def _at(config: Config, name: str) -> Config:
    inside = config.get(name) or {}
    if not isinstance(inside, Mapping):
        raise ValueError(f"{name}: expected a map, got {inside!r}")
    return inside


def tag(config: Config, said: str) -> str | None:
    """Why a message with this tag does not pass ``filterTag``. ASSUMED: fcemu lets a message without a tag pass no
    ``filterTag`` of a trigger."""
    wanted = config.get("filterTag") or ""
    if wanted and said != wanted:
        return f"the message's tag {said!r} is not its filterTag {wanted!r}"
    return None


def log(config: Config) -> str | None:
    """A trigger of Log Service lets all events through, unless it is disabled."""
    return None if config.get("enable", True) else "the trigger is disabled (enable)"


def cdn(config: Config, said: Said) -> str | None:
    """Source: FC's documents, "CDN trigger": one event in one version, for the domains of ``filter``."""
    for name, key in (("eventName", "event"), ("eventVersion", "version")):
        if config.get(name) and config[name] != said[key]:
            return f"{said[key]!r} is not its {name} {config[name]!r}"
    domains = _at(config, "filter").get("domain") or []
    if domains and said["domain"] not in domains:
        return f"the domain {said['domain']!r} is not one of its domains: {', '.join(map(str, domains))}"
    return None


# EventBridge.


def eventbridge(config: Config, event: Mapping[str, Any]) -> str | None:
    """``event`` is the event itself, of which a pattern may name any member."""
    if config.get("triggerEnable") is False:
        return "the trigger is disabled (triggerEnable)"
    text = config.get("eventRuleFilterPattern") or "{}"
    pattern = text
    if isinstance(text, str):
        try:
            pattern = json.loads(text)
        except ValueError as wrong:
            raise ValueError(f"eventRuleFilterPattern is not JSON: {wrong}") from None
    if not isinstance(pattern, Mapping):
        raise ValueError(f"eventRuleFilterPattern: expected an object, got {text!r}")
    return _unmatched(pattern, event, "")


def _unmatched(pattern: Mapping[str, Any], event: Any, way: str) -> str | None:
    """Why an event does not fit a pattern: each of its members must be one of a list of values, or fit in turn."""
    for name, wanted in pattern.items():
        path = f"{way}{name}"
        value = event.get(name, MISSING) if isinstance(event, Mapping) else MISSING
        if isinstance(wanted, Mapping):
            if (why := _unmatched(wanted, value, f"{path}.")) is not None:
                return why
        elif not isinstance(wanted, Sequence) or isinstance(wanted, str):
            raise ValueError(f"eventRuleFilterPattern: {path}: expected a list or an object, got {wanted!r}")
        elif not any(_fits(each, value, path) for each in wanted):
            told = "is not there" if value is MISSING else f"is {json.dumps(value, ensure_ascii=False)}"
            return f"{path} {told}, but its pattern requires {json.dumps(wanted, ensure_ascii=False)}"
    return None


def _fits(wanted: Any, value: Any, path: str) -> bool:
    """One value of a pattern. Source: EventBridge's documents, "Event patterns": exact, ``prefix``, ``suffix``,
    ``anything-but``, ``exists``. A value that is a list fits if one of its members does."""
    if isinstance(value, list):
        return any(_fits(wanted, each, path) for each in value)
    if not isinstance(wanted, Mapping):
        return value is not MISSING and type(wanted) is type(value) and bool(wanted == value)
    if len(wanted) != 1 or not wanted.keys() <= {"prefix", "suffix", "anything-but", "exists"}:
        raise ValueError(
            f"eventRuleFilterPattern: {path}: fcemu supports values, prefix, suffix, anything-but and exists, "
            f"not {json.dumps(wanted, ensure_ascii=False)}"
        )
    ((word, bound),) = wanted.items()
    match word:
        case "exists":
            return (value is not MISSING) is bool(bound)
        case "prefix":
            return isinstance(value, str) and value.startswith(str(bound))
        case "suffix":
            return isinstance(value, str) and value.endswith(str(bound))
    if value is MISSING:
        return False
    others = bound if isinstance(bound, list) else [bound]
    return not any(_fits(each, value, path) for each in others)
