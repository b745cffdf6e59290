"""The contract of the time switch; each test in a process of its own, in New York, at the wall clock's time."""

import json
from datetime import datetime, timedelta

import pytest

from fcemu.runtimes.timeshift import zone_named

HEAD = """
    import contextvars, datetime, time
    from runtimes.fake_clock import FakeClock
    from fcemu.runtimes import timeshift

    real_datetime, real_time = datetime.datetime, time.time

    def in_handler(clock, function, zone=None):
        def enter():
            timeshift.CLOCK.set(clock)
            if zone:
                timeshift.ZONE.set(timeshift.zone_named(zone))
            return function()
        return contextvars.Context().run(enter)

"""
INSTALLED = HEAD + "    timeshift.install()\n"


def test_nothing_is_patched_and_freezegun_is_not_imported_before_install(python):
    python("""
        import sys, time
        original = time.time
        from fcemu.runtimes import timeshift
        import fcemu.runtimes.python_inline
        assert time.time is original and not timeshift.installed()
        assert "freezegun" not in sys.modules
    """)


READS = [
    ("time.time()", "1767225605.25"),
    ("time.time_ns()", "1767225605250000000"),
    ("time.monotonic()", "5.25"),
    ("time.monotonic_ns()", "5250000000"),
    ("time.perf_counter()", "5.25"),
    ("time.perf_counter_ns()", "5250000000"),
    ("time.clock_gettime(time.CLOCK_REALTIME)", "1767225605.25"),
    ("time.clock_gettime_ns(time.CLOCK_REALTIME)", "1767225605250000000"),
    ("time.clock_gettime(time.CLOCK_MONOTONIC)", "5.25"),
    ("time.clock_gettime_ns(time.CLOCK_MONOTONIC)", "5250000000"),
    ("tuple(time.gmtime())", "(2026, 1, 1, 0, 0, 5, 3, 1, 0)"),
    ("tuple(time.localtime())", "(2026, 1, 1, 0, 0, 5, 3, 1, 0)"),
    ("tuple(time.localtime(0))", "(1970, 1, 1, 0, 0, 0, 3, 1, 0)"),
    ("time.localtime().tm_zone", "UTC"),
    ("time.mktime((1970, 1, 1, 0, 0, 7, 0, 0, 0))", "7.0"),
    ("time.strftime('%Y-%m-%d %H:%M:%S %Z')", "2026-01-01 00:00:05 UTC"),
    ("time.strftime('%Y', time.gmtime(0))", "1970"),
    ("time.ctime()", "Thu Jan  1 00:00:05 2026"),
    ("time.ctime(0)", "Thu Jan  1 00:00:00 1970"),
    ("time.asctime()", "Thu Jan  1 00:00:05 2026"),
    ("datetime.datetime.now()", "2026-01-01 00:00:05.250000"),
    ("datetime.datetime.today()", "2026-01-01 00:00:05.250000"),
    ("datetime.datetime.utcnow()", "2026-01-01 00:00:05.250000"),
    ("datetime.datetime.now(datetime.UTC)", "2026-01-01 00:00:05.250000+00:00"),
    ("datetime.datetime.now().astimezone()", "2026-01-01 00:00:05.250000+00:00"),
    ("datetime.datetime.now().timestamp()", "1767225605.25"),
    ("datetime.datetime.fromtimestamp(0)", "1970-01-01 00:00:00"),
    ("datetime.datetime.fromtimestamp(0, datetime.UTC)", "1970-01-01 00:00:00+00:00"),
    ("datetime.date.today()", "2026-01-01"),
    ("datetime.date.fromtimestamp(0)", "1970-01-01"),
]
IN_SHANGHAI = [
    ("time.localtime()[:6]", "(2026, 1, 1, 8, 0, 0)"),
    ("time.localtime().tm_gmtoff", "28800"),
    ("time.strftime('%H:%M %Z')", "08:00 CST"),
    ("time.ctime()", "Thu Jan  1 08:00:00 2026"),
    ("time.mktime((1970, 1, 1, 8, 0, 0, 0, 0, 0))", "0.0"),
    ("datetime.datetime.now()", "2026-01-01 08:00:00"),
    ("datetime.datetime.now().timestamp() == time.time()", "True"),
    ("datetime.datetime.now(datetime.UTC)", "2026-01-01 00:00:00+00:00"),
    ("datetime.datetime.fromtimestamp(0)", "1970-01-01 08:00:00"),
    ("datetime.datetime(2026, 1, 1).astimezone()", "2026-01-01 00:00:00+08:00"),
]


@pytest.fixture(scope="module")
def read(python):
    """What each expression prints in a handler 5.25 s after the start, and in Shanghai at the start."""
    out = python(
        INSTALLED
        + f"""
    import json
    clock = FakeClock()
    clock.sleep(5.25)
    print(json.dumps([
        {{text: in_handler(clock, lambda: str(eval(text))) for text, _ in {READS!r}}},
        {{text: in_handler(FakeClock(), lambda: str(eval(text)), "Asia/Shanghai") for text, _ in {IN_SHANGHAI!r}}},
    ]))
    """
    )
    return json.loads(out)


@pytest.mark.parametrize(("expression", "value"), READS)
def test_a_handler_reads_virtual_time(read, expression, value):
    assert read[0][expression] == value


@pytest.mark.parametrize(("expression", "value"), IN_SHANGHAI)
def test_local_time_is_that_of_the_functions_zone(read, expression, value):
    assert read[1][expression] == value


@pytest.mark.parametrize(
    ("text", "hours"),
    [("Asia/Shanghai", 8), ("CST-8", 8), ("EST5", -5), (":Asia/Tokyo", 9), ("", 0), (None, 0), ("No/Where", 0)],
)
def test_a_zone_is_named_as_in_tz(text, hours):
    assert zone_named(text).utcoffset(datetime(2026, 1, 1)) == timedelta(hours=hours)


def test_outside_of_handlers_time_is_real_and_local(python):
    python(
        HEAD
        + """
    before = time.time()
    timeshift.install()
    assert before <= time.time() <= datetime.datetime.now().timestamp() <= time.time_ns() / 1e9 + 1
    assert time.monotonic() <= time.clock_gettime(time.CLOCK_MONOTONIC) <= time.monotonic() + 1
    assert tuple(time.localtime(0))[:5] == (1969, 12, 31, 19, 0)
    assert datetime.datetime.fromtimestamp(0) == real_datetime(1969, 12, 31, 19)
    assert str(datetime.datetime(2026, 1, 1).astimezone()) == "2026-01-01 00:00:00-05:00"
    assert type(time.process_time) is type(time.thread_time) is type(len)
    time.sleep(0)
    """
    )


def test_sleep_in_a_handler_is_the_clocks(python):
    python(
        INSTALLED
        + """
    clock = FakeClock()
    in_handler(clock, lambda: (time.sleep(30), time.sleep(0)))
    assert clock.sleeps == [30, 0] and clock.elapsed.total_seconds() == 30
    try:
        in_handler(clock, lambda: time.sleep(-1))
    except ValueError as error:
        assert str(error) == "sleep length must be non-negative"
    """
    )


def test_the_classes_stand_in_for_the_real_ones(python_with_freezegun):
    python_with_freezegun(
        INSTALLED
        + """
    import copy, pickle, sqlite3, warnings
    real, ours = real_datetime(2026, 1, 2, 3), datetime.datetime(2026, 1, 2, 3)
    assert real == ours and hash(real) == hash(ours) and repr(real) == repr(ours)
    assert isinstance(real, datetime.datetime) and isinstance(ours, real_datetime)
    assert issubclass(real_datetime, datetime.datetime) and issubclass(datetime.datetime, datetime.date)
    assert pickle.dumps(real) == pickle.dumps(ours) and pickle.loads(pickle.dumps(ours)) == real
    assert pickle.loads(pickle.dumps(ours.date())) == real.date() and copy.deepcopy(real) == ours
    day = datetime.timedelta(days=1)
    assert type(ours + day) is type(day + ours) is type(ours - day) is datetime.datetime
    assert ours - real == datetime.timedelta() and type(ours.date()) is datetime.date
    assert datetime.datetime.max == real_datetime.max and datetime.date.min == real_datetime.min.date()

    class Stamp(datetime.datetime):
        pass

    assert type(Stamp.now() + day) is Stamp and not isinstance(ours, Stamp)
    assert in_handler(FakeClock(), lambda: type(Stamp.now()) is Stamp and Stamp.now() == real_datetime(2026, 1, 1))
    warnings.simplefilter("ignore", DeprecationWarning)        # sqlite3's own, on Python 3.12 and later
    database = sqlite3.connect(":memory:")
    assert database.execute("select ?, ?", (ours, ours.date())).fetchone() == ("2026-01-02 03:00:00", "2026-01-02")
    database.close()
    """
    )


def test_the_functions_behave_like_built_in_ones(python):
    python(
        INSTALLED
        + """
    import pickle

    class Formatter:
        converter = time.gmtime

    assert Formatter().converter(0).tm_year == 1970            # does not bind as a method
    assert pickle.loads(pickle.dumps(time.sleep)) == time.sleep and time.sleep.__name__ == "sleep"
    assert time.time.fcemu_original is real_time
    """
    )


def test_install_and_uninstall_leave_no_trace(python):
    python("""
        import asyncio, copyreg, datetime, logging, selectors, time, uuid
        import freezegun.config
        from fcemu.runtimes import timeshift

        def state():
            return [
                *vars(time).items(), *vars(datetime).items(), dict(copyreg.dispatch_table),
                *vars(datetime.datetime).items(), *vars(datetime.date).items(), logging.Formatter.converter,
                uuid._generate_time_safe,
                selectors.DefaultSelector.select, asyncio.wrap_future, asyncio.futures.wrap_future,
                freezegun.config.settings.default_ignore_list,
            ]

        before = state()
        for _ in range(2):
            timeshift.install()
            timeshift.install()
            assert timeshift.installed() and state() != before
            timeshift.uninstall()
            assert not timeshift.installed() and state() == before
    """)


def test_a_users_freezer_governs_everything_outside_of_handlers(python):
    python(
        INSTALLED
        + """
    from datetime import date, datetime as ours
    from time import monotonic, time as our_time
    from freezegun import freeze_time

    with freeze_time("2001-02-03 04:05:06") as freezer:
        for _ in range(2):
            assert our_time() == time.time() == 981173106.0 and monotonic() == time.monotonic()
            assert ours.now() == datetime.datetime.now() == real_datetime(2001, 2, 3, 4, 5, 6)
            assert date.today().year == time.localtime().tm_year == 2001 == int(time.strftime("%Y"))
            assert in_handler(FakeClock(), lambda: (our_time(), ours.now().year)) == (1767225600.0, 2026)
            timeshift.ensure_installed()                      # in the second round by ours, frozen all the same
        freezer.tick(10)
        assert our_time() == 981173116.0
    assert time.time is real_time                             # the freezer put back what it knows
    timeshift.ensure_installed()
    assert time.time is not real_time and datetime.datetime is ours and ours.now().year > 2025
    assert in_handler(FakeClock(), lambda: time.time()) == 1767225600.0

    with freeze_time("2001-02-03"):
        timeshift.uninstall()
        assert time.time() == 981158400.0 and datetime.datetime.now().year == 2001
    assert time.time is real_time and datetime.datetime is real_datetime
    """
    )


def test_a_freezer_that_a_test_starts_first_is_no_obstacle(python):
    python("""
        import time
        from freezegun import freeze_time
        freezer = freeze_time("2001-02-03")
        freezer.start()
        from fcemu.runtimes import timeshift
        timeshift.install()
        from time import time as ours
        assert ours() == 981158400.0
        freezer.stop()
        timeshift.ensure_installed()
        assert time.time is ours and time.time() > 1.7e9
    """)


def test_after_a_park_the_functions_are_ours_again(python):
    python(
        INSTALLED
        + """
    from freezegun import freeze_time

    class Clock(FakeClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            with freeze_time("2001-02-03"):                    # the test goes on while the handler is parked
                pass

    assert in_handler(Clock(), lambda: (time.sleep(5), time.time())[1]) == 1767225605.0
    """
    )


def test_a_tests_own_mock_stays_in_place(python_with_freezegun):
    python_with_freezegun(
        INSTALLED
        + """
    from unittest import mock

    ours = time.monotonic_ns
    with mock.patch("time.time", lambda: 42.0):
        time.monotonic_ns = ours.fcemu_original
        timeshift.ensure_installed()
        assert time.time() == 42.0 and time.monotonic_ns is ours
    """
    )


def test_names_that_a_module_bound_before_are_exchanged_and_put_back(python):
    python(
        HEAD
        + """
    import types
    early = types.ModuleType("early")
    exec("from time import time, sleep\\nfrom datetime import datetime, date\\nother = time", vars(early))
    timeshift.install()
    timeshift.adopt(early)
    assert in_handler(FakeClock(), lambda: (early.time(), early.other(), early.datetime.now().year)) == (
        1767225600.0, 1767225600.0, 2026)

    from freezegun import freeze_time
    with freeze_time("2001-02-03"):
        assert early.time() == 981158400.0
    timeshift.ensure_installed()
    assert early.time is time.time and early.datetime is datetime.datetime
    timeshift.uninstall()
    assert early.time is early.other is real_time and early.datetime is real_datetime
    """
    )


def test_time_machine_rewrites_the_originals(python):
    pytest.importorskip("time_machine")
    python(
        INSTALLED
        + """
    import time_machine
    with time_machine.travel(0, tick=False):
        assert time.time() == 0.0 == datetime.datetime.now().timestamp()
        assert in_handler(FakeClock(), lambda: time.time()) == 1767225600.0
    assert time.time() > 1.7e9 and time.time is not real_time
    """
    )


def test_a_journey_of_the_test_may_begin_and_end_while_attempts_run_or_not(python):
    pytest.importorskip("time_machine")
    python(
        HEAD
        + """
    import time_machine

    early = time.time, datetime.datetime.now, datetime.date.today
    timeshift.install()

    def years():
        now = datetime.datetime.now
        late = time.gmtime().tm_year, now().year, now(datetime.UTC).year, datetime.date.today().year
        kept = time.gmtime(early[0]()).tm_year, early[1]().year, early[2]().year
        return {*late, *kept, time.gmtime(time.time()).tm_year}

    def in_attempt():
        assert in_handler(FakeClock(), lambda: time.time()) == 1767225600.0

    (present,) = years()
    for begin, end in ((0, 3), (1, 2), (1, 3), (0, 2), (2, 3), (0, 1)):
        journey = time_machine.travel(datetime.datetime(2001, 2, 3, 12), tick=False)
        for step in range(4):
            if step == begin:
                journey.start()
            if step == end:
                journey.stop()
            if step == 1:
                timeshift.enter()
            assert years() == ({2001} if begin <= step < end else {present}), (begin, end, step)
            if step == 1:
                in_attempt()
            if step == 2:
                timeshift.leave()
        assert years() == {present} and not time_machine.escape_hatch.is_travelling()
    """
    )


def test_what_code_has_kept_is_virtual_with_time_machine(python_with_time_machine):
    python_with_time_machine(
        HEAD
        + """
    import warnings

    kept = time.time, time.time_ns, time.gmtime, datetime.datetime.now, datetime.datetime.utcnow, datetime.date.today
    warnings.simplefilter("ignore", DeprecationWarning)        # utcnow's, on Python 3.12 and later

    class Stamp(datetime.datetime):
        pass

    timeshift.install()
    timeshift.enter()
    for zone, hour in ((None, 0), ("Asia/Tokyo", 9)):
        seconds, nanoseconds, parts, now, utcnow, today = in_handler(FakeClock(), lambda: [one() for one in kept], zone)
        assert (seconds, nanoseconds, parts.tm_year) == (1767225600.0, 1767225600 * 10**9, 2026)
        assert now == real_datetime(2026, 1, 1, hour) and utcnow == real_datetime(2026, 1, 1)
        assert today == datetime.date(2026, 1, 1)
        stamp = in_handler(FakeClock(), lambda: Stamp.now(datetime.UTC), zone)
        assert type(stamp) is Stamp and stamp.timestamp() == seconds
    assert datetime.datetime is real_datetime and type(in_handler(FakeClock(), datetime.datetime.now)) is real_datetime
    timeshift.leave()
    """
    )


def test_what_code_has_kept_is_virtual_after_a_clock_was_lent(python_with_time_machine):
    python_with_time_machine(
        HEAD
        + """
    from fcemu.runtimes.timeshift.lending import lend

    kept = (time.time,)
    timeshift.install()
    with lend(FakeClock()):
        assert kept[0]() == 1767225600.0
    assert abs(kept[0]() - time.time()) < 3600
    timeshift.enter()
    assert in_handler(FakeClock(), kept[0]) == 1767225600.0
    timeshift.leave()
    """
    )


def test_models_of_handlers_know_the_replaced_classes(python):
    python(
        INSTALLED
        + """
    import functools, pydantic, sqlalchemy, sqlalchemy.orm as orm

    class Order(pydantic.BaseModel):
        at: datetime.datetime
        day: datetime.date

    order = Order.model_validate_json('{"at": "2026-01-01T00:00:00", "day": "2026-01-02"}')
    assert order.at == real_datetime(2026, 1, 1) and order.model_dump_json().startswith('{"at":"2026-01-01T00:00:00"')

    class Base(orm.DeclarativeBase):
        pass

    class Row(Base):
        __tablename__ = "row"
        at: orm.Mapped[datetime.datetime] = orm.mapped_column(primary_key=True)
        day: orm.Mapped[datetime.date]

    assert isinstance(Row.__table__.c.at.type, sqlalchemy.DateTime)
    assert isinstance(Row.__table__.c.day.type, sqlalchemy.Date)

    @functools.singledispatch
    def text(value):
        return "?"

    text.register(datetime.datetime, lambda value: "moment")
    assert text(datetime.datetime.now()) == "moment" and {real_datetime: 1}[datetime.datetime] == 1
    assert datetime.datetime == real_datetime and datetime.datetime != datetime.date
    """
    )
