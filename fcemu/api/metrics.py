"""Metrics of an emulator as Prometheus text: FC's names for the queue, and ours, which begin with ``fcemu_``."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from fcemu.api.wire import Answer, WireRequest, status_line
from fcemu.core.invocation import TERMINAL
from fcemu.core.metrics import Numbers
from fcemu.core.names import FunctionRef
from fcemu.engine.emulator import Emulator

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Number = Callable[[Numbers], float]


def _mean_latency_ms(numbers: Numbers) -> float:
    return 1000 * numbers.latency.total_seconds() / numbers.dequeued if numbers.dequeued else 0.0


FC_COUNTERS: Final[Mapping[str, tuple[str, Number]]] = {
    "FunctionEnqueueCount": ("Number of asynchronous invocations that were accepted.", lambda of: of.enqueued),
    "FunctionDequeueCount": (
        "Number of asynchronous invocations that were taken from the queue.",
        lambda of: of.dequeued,
    ),
    "FunctionAsyncEventExpiredDropped": (
        "Number of events that were dropped because of their age.",
        lambda of: of.expired,
    ),
    "FunctionDestinationErrors": (
        "Number of reports that did not reach their destination.",
        lambda of: of.not_delivered,
    ),
    "FunctionDestinationSucceeded": ("Number of reports that reached their destination.", lambda of: of.delivered),
}
"""What only grows; Prometheus wants ``_total`` behind such a name. Source: retry-and-destinations §3.4. ASSUMED: fcemu
counts invocations and reports in its metrics from the start of the emulator (retry-and-destinations §3.4)."""
FC_GAUGES: Final[Mapping[str, tuple[str, Number]]] = {
    "FunctionAsyncMessageLatencyAvg": ("Mean time in the queue, delays included, in ms.", _mean_latency_ms),
    "FunctionAsyncMessageLatencyMax": (
        "Longest time in the queue, delays included, in ms.",
        lambda of: 1000 * of.latency_most.total_seconds(),
    ),
    "FunctionAsyncMessagesBacklogV2": (
        "Number of asynchronous invocations that wait, also for a retry.",
        lambda of: of.backlog,
    ),
    "FunctionAsyncMessagesInProcess": ("Number of asynchronous invocations that run.", lambda of: of.in_process),
}
"""What falls again. ASSUMED: fcemu gives the latency metrics in milliseconds (retry-and-destinations §3.4)."""


class Collector:
    """The metrics of one moment, for a registry of the Prometheus client."""

    def __init__(self, emulator: Emulator) -> None:
        self._facts: Final = len(emulator.journal)
        self._numbers: Final = emulator.numbers()
        self._now: Final = emulator.clock.shown()
        self._in_flight: Final = emulator.in_flight

    def collect(self) -> "Iterator[Metric]":
        """All of them."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily

        for kind, table in ((CounterMetricFamily, FC_COUNTERS), (GaugeMetricFamily, FC_GAUGES)):
            for name, (help_text, number) in table.items():
                family = kind(name, help_text, labels=_LABELS)
                for labels, numbers in self._by_function():
                    family.add_metric(labels, number(numbers))
                yield family
        yield from self._counters()
        seconds = SummaryMetricFamily(
            "fcemu_attempt_seconds", "Number of virtual seconds that attempts took.", labels=_LABELS
        )
        instances = GaugeMetricFamily("fcemu_instances", "Number of instances that exist.", labels=_LABELS)
        for labels, numbers in self._by_function():
            seconds.add_metric(labels, count_value=numbers.ran, sum_value=numbers.seconds.total_seconds())
            instances.add_metric(labels, numbers.instances)
        yield seconds
        yield instances
        yield GaugeMetricFamily(
            "fcemu_clock_seconds", "Virtual time in seconds since 1970.", value=self._now.timestamp()
        )
        yield GaugeMetricFamily(
            "fcemu_in_flight", "Number of attempts and deliveries that the clock waits for.", value=self._in_flight
        )
        yield CounterMetricFamily("fcemu_facts", "Number of facts in the journal.", value=self._facts)

    def _counters(self) -> "Iterator[Metric]":
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        by_state = [*_LABELS, "kind", "state"]
        ended = CounterMetricFamily(
            "fcemu_invocations", "Number of invocations that have ended, by state.", labels=by_state
        )
        open_ = GaugeMetricFamily(
            "fcemu_open_invocations", "Number of invocations that have not ended, by state.", labels=by_state
        )
        attempts = CounterMetricFamily(
            "fcemu_attempts", "Number of attempts, by outcome.", labels=[*_LABELS, "outcome"]
        )
        plain = [
            (CounterMetricFamily(f"fcemu_{name}", help_text, labels=_LABELS), number)
            for name, (help_text, number) in _PLAIN.items()
        ]
        for labels, numbers in self._by_function():
            for (kind, state), count in sorted(numbers.invocations.items()):
                (ended if state in TERMINAL else open_).add_metric([*labels, kind, state], count)
            for outcome, count in sorted(numbers.attempts.items()):
                attempts.add_metric([*labels, outcome], count)
            for counter, number in plain:
                counter.add_metric(labels, number(numbers))
        yield from (ended, open_, attempts, *(counter for counter, _ in plain))

    def _by_function(self) -> Iterable[tuple[list[str], Numbers]]:
        return ((_labels(ref), numbers) for ref, numbers in self._numbers.items())


_LABELS: Final = ["service", "function"]
_PLAIN: Final[Mapping[str, tuple[str, Number]]] = {
    "cold_starts": ("Number of instances that were started for an attempt.", lambda of: of.cold_starts),
    "provisioned_starts": (
        "Number of instances that were started because they were provisioned.",
        lambda of: of.provisioned,
    ),
    "instance_stops": ("Number of instances that were stopped.", lambda of: of.stopped),
    "holds": ("Number of attempts that waited because no instance was available.", lambda of: of.held),
}


def _labels(ref: FunctionRef) -> list[str]:
    return [ref.service or "", ref.name]


def text_of(emulator: Emulator) -> tuple[bytes, str]:
    """The metrics of this moment, and their content type. Nothing is kept from one call to the next."""
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector(emulator))
    return generate_latest(registry), CONTENT_TYPE_LATEST


async def show_metrics(request: WireRequest) -> Answer:
    """Made on another thread: a large journal takes a while. The content type names the version of the format."""
    body, kind = await asyncio.to_thread(text_of, request.emulator)
    return Answer(200, f"{status_line(200)}Content-Type: {kind}\r\n", body)
