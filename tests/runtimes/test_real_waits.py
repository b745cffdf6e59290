"""What stays real inline: a handler that does it is told so, once for each attempt and kind."""

import signal

import pytest

HEAD = "import signal\nfrom contextvars import Context\n"
NO_CLOCK = (
    "the handler slept in a context without its clock (an empty contextvars.Context, a greenlet); waits "
    "and reads of the time are real there"
)
TASK = (
    "the handler made a task with a context of its own, without its clock; waits and reads of the time are real there"
)
ALARM = "the handler set an alarm with signal.{}, which counts real time and does not interrupt virtual waits"
CASES = {
    "a sleep in an empty context": ("for _ in range(2): Context().run(time.sleep, 0)", [NO_CLOCK]),
    "a sleep of a thread in an empty context": (
        "thread = threading.Thread(target=Context().run, args=(time.sleep, 0)); thread.start(); thread.join()",
        [NO_CLOCK],
    ),
    "a sleep of a pool in an empty context": (
        "with ThreadPoolExecutor(1) as pool: pool.submit(Context().run, time.sleep, 0).result()",
        [NO_CLOCK],
    ),
    "a greenlet": ("from greenlet import greenlet\n    greenlet(time.sleep).switch(0)", [NO_CLOCK]),
    "tasks with contexts of their own": (
        "async def nothing(): pass\n"
        "    async def main():\n"
        "        for _ in range(2): await asyncio.get_running_loop().create_task(nothing(), context=Context())\n"
        "    asyncio.run(main())",
        [TASK],
    ),
    "tasks with a copy of the context": (
        "async def nothing(): pass\n"
        "    async def main(): await asyncio.create_task(nothing(), context=contextvars.copy_context())\n"
        "    asyncio.run(main())",
        [],
    ),
    "alarms": (
        "for _ in range(2): signal.setitimer(signal.ITIMER_REAL, 1000); signal.alarm(1000)",
        [ALARM.format("setitimer"), ALARM.format("alarm")],
    ),
    "the end of an alarm": ("signal.alarm(0); signal.setitimer(signal.ITIMER_VIRTUAL, 0)", []),
    "the time of a context that knows the clock": ("contextvars.copy_context().run(time.sleep, 5)", []),
}


@pytest.fixture
def timer_of_the_test():
    """The alarm that ends a test which hangs; the handlers here set others."""
    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.setitimer(signal.ITIMER_REAL, left, interval)


@pytest.mark.usefixtures("timer_of_the_test")
@pytest.mark.parametrize("case", CASES)
def test_the_timeline_names_once_what_a_handler_does_in_real_time(emulate, case):
    if "greenlet" in case:
        pytest.importorskip("greenlet")
    code, warnings = CASES[case]
    emulated = emulate(f"{HEAD}def handler(event, context):\n    {code}")
    emulated.returned()
    assert emulated.warnings == warnings
    emulated.returned()
    assert emulated.warnings == warnings * 2


def test_outside_of_handlers_nothing_is_said(emulate):
    emulated = emulate("def handler(event, context): pass")
    emulated.returned()
    left, interval = signal.setitimer(signal.ITIMER_REAL, 1000)
    signal.setitimer(signal.ITIMER_REAL, left, interval)
    assert emulated.warnings == []
