"""A thousand calls of each kind over sockets, against a function that may have five instances."""

import http.client
import json
import threading
from collections import Counter

import pytest
from patience import WAIT_SECONDS as LONG

from fcemu.testing import LocalEmulator

CLIENTS, EACH = 25, 80


def send(emulator: LocalEmulator, answers: Counter[tuple[bool, int, str]], lock: threading.Lock) -> None:
    """One client: synchronous and asynchronous calls in turn."""
    connection = http.client.HTTPConnection(emulator.host, emulator.port, timeout=LONG)
    for n in range(EACH):
        headers = {} if n % 2 else {"X-Fc-Invocation-Type": "Async"}
        connection.request("POST", "/2023-03-30/functions/slow/invocations", b"1", headers)
        reply = connection.getresponse()
        body = reply.read()
        with lock:
            answers[bool(n % 2), reply.status, json.loads(body)["Code"] if reply.status >= 400 else ""] += 1
    connection.close()


@pytest.mark.parametrize("rate", [0, 1000])
def test_each_call_is_served_refused_or_kept_and_nothing_else(rate):
    slow = {"handler": "index.handler", "timeout": 86_400, "reservedConcurrency": 5}
    definition = {"functions": {"slow": slow}, "stubs": {"slow": {"steps": [{"seconds": 1}]}}}
    with LocalEmulator(definition, rate=rate, strict=False) as emulator:
        answers: Counter[tuple[bool, int, str]] = Counter()
        lock = threading.Lock()
        clients = [threading.Thread(target=send, args=(emulator, answers, lock)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        emulator.run_until_idle()

        count = CLIENTS * EACH // 2
        served, refused = answers[True, 200, ""], answers[True, 429, "ResourceExhausted"]
        assert answers == Counter(
            {(False, 202, ""): count, (True, 200, ""): served, (True, 429, "ResourceExhausted"): refused}
        )
        assert served + refused == count
        ended = Counter((one.kind, one.status) for one in emulator.invocations)
        wanted = {("async", "Succeeded"): count, ("sync", "Succeeded"): served, ("sync", "Failed"): refused}
        assert ended == Counter(wanted)
        queued = [one for one in emulator.invocations if one.kind == "async"]
        starts = [one.attempts[0].started for one in queued]
        assert starts == sorted(starts)
        assert most_instances(emulator) == 5


def most_instances(emulator: LocalEmulator) -> int:
    """How many there ever were at a time; on a fast clock idle ones are stopped in between."""
    there = most = 0
    for fact in emulator.journal:
        there += (fact.kind == "InstanceStarted") - (fact.kind == "InstanceStopped")
        most = max(most, there)
    return most
