"""How pytest runs tests for ``fcemu mutate``: collected once, then run again and again, each time in a fork.

A run has one setting of a definition changed, or none. As it is in a fork, it leaves nothing to the next one: neither
modules that were imported nor what they keep, and one that hangs is killed. Where the ini option ``fcemu_env`` is set,
there is one run, in this process. Only such runs of pytest import this module.
"""

import json
import os
import select
import signal
import traceback
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import IO, Any, Final

import pytest
from _pytest import main

from fcemu.config import Change
from fcemu.engine.real import monotonic
from fcemu.pytest_orders import opened, write
from fcemu.testing import mutating


class Mutating:
    """Carries out orders, a line of JSON each, until there are no more.

    An order has ``only``, the tests to run, ``null`` for all; ``source`` and ``change`` (``way``, ``value``), which are
    absent where nothing is changed; and ``seconds``, after which the run is killed, ``null`` for no bound. An answer
    has ``tests``, what each used; ``failed``, the tests that did; and ``sources``, the definitions that were read. One
    without these is of a run that was killed (``in_time`` is false), or has died. The first line that is written is
    about the collection; ``forks`` says whether there may be several orders.
    """

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders: Final = orders
        self._answers: Final = answers
        self._tests: Final[dict[str, dict[str, Any]]] = {}
        self._failed: Final[list[str]] = []

    @classmethod
    def of(cls, descriptors: str) -> "Mutating":
        """``descriptors``: as of ``opened``."""
        mutating.MUTATION.records = True
        return cls(*opened(descriptors))

    def _answer(self, answer: Mapping[str, Any]) -> None:
        write(self._answers, answer)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of pytest's own loop over the tests."""
        # Variables that fcemu_env has set lead to a server of this process, which a fork does not have.
        forks = not session.config.getini("fcemu_env")
        sources = mutating.MUTATION.sources
        self._answer({"failed": self._failed, "tests": len(session.items), "sources": sources, "forks": forks})
        for line in self._orders:
            order = json.loads(line)
            if not forks:
                self._answer(self._run(session, order) | {"in_time": True})
                break
            self._answer(self._carried_out(session, order))
        return True

    def _carried_out(self, session: pytest.Session, order: Mapping[str, Any]) -> dict[str, Any]:
        """What a fork answers."""
        heard, said = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.setpgid(0, 0)
                os.close(heard)
                answer = self._run(session, order)
                with os.fdopen(said, "w", encoding="utf-8") as file:
                    json.dump(answer, file)
            except BaseException:  # nothing may go on as the process that was forked
                traceback.print_exc()
            finally:
                os._exit(0)
        os.close(said)
        try:
            with open(heard, "rb", buffering=0) as file:
                text, in_time = _read(file, order["seconds"])
        finally:
            for kill, number in ((os.killpg, pid), (os.kill, pid)):  # the group may not be there yet, or not any more
                with suppress(ProcessLookupError, PermissionError):
                    kill(number, signal.SIGKILL)
            os.waitpid(pid, 0)
        return (json.loads(text) if text and in_time else {}) | {"in_time": in_time}

    def _run(self, session: pytest.Session, order: Mapping[str, Any]) -> dict[str, Any]:
        """Run the tests of an order, in this process."""
        change = order.get("change")
        if change is not None:
            mutating.begin(order["source"], Change(tuple(change["way"]), change["value"]))
        if order["only"] is not None:
            only = {*order["only"]}
            session.items = [item for item in session.items if item.nodeid in only]
            session.config.option.maxfail = 1
        with suppress(session.Failed, session.Interrupted):
            main.pytest_runtestloop(session)
        session._setupstate.teardown_exact(None)  # what a run that ends at its first failure has left set up
        return {"tests": self._tests, "failed": self._failed, "sources": mutating.MUTATION.sources}

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """What the emulators of a test were made of, and what ran there, before the plugin forgets them."""
        report = yield
        test = self._tests.setdefault(item.nodeid, {"seconds": 0.0, "sources": [], "functions": [], "all": False})
        test["seconds"] += call.duration
        if report.when == "teardown":
            sources, functions = mutating.used()
            test["sources"] = sorted({*test["sources"], *sources} - {""})
            test["functions"] = sorted({*test["functions"], *functions})
            test["all"] = test["all"] or not functions
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and report.nodeid not in self._failed:
            self._failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._failed.append(report.nodeid)


def _read(file: Any, seconds: float | None) -> tuple[bytes, bool]:
    """All that is in a pipe until its other end is closed; whether that was within so many seconds."""
    end = None if seconds is None else monotonic() + seconds
    text = b""
    while True:
        left = None if end is None else max(0, end - monotonic())
        if not select.select([file], [], [], left)[0]:
            return text, False
        piece = file.read(65536)
        if not piece:
            return text, True
        text += piece
