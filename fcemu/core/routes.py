"""Which route of a custom domain a path takes, and what the path becomes on the way.

Sources: FC docs, "Configure a custom domain name". ASSUMED: fcemu takes the longest pattern of a custom domain that
fits the path (http-triggers §1).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fcemu.core.domains import Route


def find_route(routes: Sequence[Route], path: str) -> tuple[Route, str] | None:
    """The route for a path, and the path as it is rewritten; ``None`` where no route fits.

    ``/a/*`` takes every path below ``/a/``, and ``/*`` takes all.
    """
    fitting = [route for route in routes if _fits(route.path, path)]
    if not fitting:
        return None
    route = max(fitting, key=lambda each: (not each.path.endswith("*"), len(each.path)))
    return route, _rewritten(route.rewrite, path)


def _fits(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1]) or f"{path}/" == pattern[:-1]
    return path == pattern


def _rewritten(config: Mapping[str, Any], path: str) -> str:
    """By the first rule that fits: equal ones first, then wildcards, then regular expressions; each as FC names them.
    A rule that cannot be read changes nothing."""
    for rule in _rules(config, "equalRules"):
        if rule["match"] == path:
            return rule["replacement"]
    for rule in _rules(config, "wildcardRules"):
        pattern = re.escape(rule["match"]).replace(r"\*", "(.*)")
        if found := re.fullmatch(pattern, path):
            return _filled(rule["replacement"], found)
    for rule in _rules(config, "regexRules"):
        try:
            if found := re.search(rule["match"], path):
                return _filled(rule["replacement"], found)
        except re.error:
            continue
    return path


def _filled(replacement: str, found: "re.Match[str]") -> str:
    """``$1`` stands for what the first part of the pattern took."""
    parts = found.groups()
    return re.sub(
        r"\$([1-9])", lambda which: parts[int(which[1]) - 1] or "" if int(which[1]) <= len(parts) else "", replacement
    )


def _rules(config: Mapping[str, Any], name: str) -> list[dict[str, str]]:
    rules = config.get(name)
    if not isinstance(rules, list):
        return []
    return [
        rule
        for rule in rules
        if isinstance(rule, dict) and isinstance(rule.get("match"), str) and isinstance(rule.get("replacement"), str)
    ]
