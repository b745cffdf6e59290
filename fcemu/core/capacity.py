"""What capacity may be set: limits of functions within those of the account."""

from fcemu.core.belongings import CONCURRENCY, ON_DEMAND, Belongings, Capacity
from fcemu.core.errors import InvalidArgument, limit_exceeded
from fcemu.core.names import FunctionRef
from fcemu.core.settings import Settings


def check_capacity(wanted: Capacity, there: Belongings, settings: Settings) -> None:
    """Raise ``InvalidArgument`` or ``LimitExceededError`` for what would go beyond the account's limits.

    Source: FC docs (timers-and-instances §2): a limit on demand is at most the account's, and there are 100 of them;
    all that is reserved is at most 90 % of it. ASSUMED: the text; and that a test which sets a smaller
    ``instanceLimit``, to see what happens at it, may reserve what it wants.
    """
    most = max(settings.instances, settings.limits.instances)
    if wanted.kind == ON_DEMAND:
        _check("MaximumInstanceCount", int(wanted.kept.get("maximumInstanceCount", 0)), most)
        rules = there.capacities(ON_DEMAND)
        if len(rules) >= settings.limits.on_demand_rules and there.find_capacity(*_key(wanted)) is None:
            raise limit_exceeded("on-demand configs", settings.limits.on_demand_rules)
    elif wanted.kind == CONCURRENCY:
        others = sum(count for ref, count in there.reserved.items() if ref != wanted.function)
        may = most * settings.limits.reserved_percent // 100 - others
        _check("ReservedConcurrency", int(wanted.kept.get("reservedConcurrency", 0)), max(0, may))


def _key(capacity: Capacity) -> tuple[str, FunctionRef, str]:
    return capacity.kind, capacity.function, capacity.qualifier


def _check(name: str, value: int, most: int) -> None:
    if value > most:
        raise InvalidArgument.choice(name, f"[0, {most}]", str(value))
