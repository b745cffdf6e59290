"""Every way to read time, as ordinary modules do it; loaded before and after the time functions are replaced.

``READS`` maps a name to the kind of what is read, and a function that reads it.
"""

import datetime
import email.utils
import logging
import os
import sqlite3
import tempfile
import time
import uuid
from dataclasses import dataclass, field
from datetime import date as the_date
from datetime import datetime as the_datetime
from time import ctime as the_ctime
from time import localtime as the_localtime
from time import monotonic as the_monotonic
from time import perf_counter as the_perf_counter
from time import strftime as the_strftime
from time import time as the_time

import numpy
import pandas
import pydantic
import sqlalchemy
import sqlalchemy.orm

FORMAT = "%Y-%m-%d %H:%M:%S"


def with_default_time(clock=time.time):
    return clock()


def with_default_monotonic(clock=time.monotonic):
    return clock()


def with_default_now(clock=datetime.datetime.now):
    return clock()


class Attributes:
    time = time.time
    now = datetime.datetime.now


@dataclass
class Made:
    seconds: float = field(default_factory=time.time)
    at: datetime.datetime = field(default_factory=datetime.datetime.now)


class Stamp(datetime.datetime):
    pass


class Day(datetime.date):
    pass


class Order(pydantic.BaseModel):
    at: datetime.datetime = pydantic.Field(default_factory=datetime.datetime.now)


class Base(sqlalchemy.orm.DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "row"
    id: sqlalchemy.orm.Mapped[int] = sqlalchemy.orm.mapped_column(primary_key=True)
    at: sqlalchemy.orm.Mapped[datetime.datetime] = sqlalchemy.orm.mapped_column(default=datetime.datetime.now)


def row_at():
    engine = sqlalchemy.create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with sqlalchemy.orm.Session(engine) as session:
        row = Row(id=1)
        session.add(row)
        session.flush()
        at = row.at
    engine.dispose()
    return at


def sqlite_now():
    database = sqlite3.connect(":memory:")
    try:
        return parsed(database.execute("select CURRENT_TIMESTAMP").fetchone()[0])
    finally:
        database.close()


def file_time():
    with tempfile.NamedTemporaryFile() as file:
        return os.stat(file.name).st_mtime


def parsed(text, form=FORMAT):
    return the_datetime.strptime(text, form)


def of(parts):
    return parsed(time.strftime(FORMAT, parts))


def record():
    return logging.LogRecord("name", logging.INFO, "file", 1, "text", (), None)


def uuid_seconds(made):
    return (made.time - 0x01B21DD213814000) / 1e7


INSTANT, UTC, LOCAL, ELAPSED, DAY = "instant", "utc", "local", "elapsed", "day"
"""Seconds since 1970 or an aware datetime; a naive datetime in UTC; one in local time; monotonic seconds; a date."""

READS = {
    "time.time": (INSTANT, lambda: time.time()),
    "time.time_ns": (INSTANT, lambda: time.time_ns() / 1e9),
    "clock_gettime(CLOCK_REALTIME)": (INSTANT, lambda: time.clock_gettime(time.CLOCK_REALTIME)),
    "clock_gettime_ns(CLOCK_REALTIME)": (INSTANT, lambda: time.clock_gettime_ns(time.CLOCK_REALTIME) / 1e9),
    "time.monotonic": (ELAPSED, lambda: time.monotonic()),
    "time.monotonic_ns": (ELAPSED, lambda: time.monotonic_ns() / 1e9),
    "time.perf_counter": (ELAPSED, lambda: time.perf_counter()),
    "time.perf_counter_ns": (ELAPSED, lambda: time.perf_counter_ns() / 1e9),
    "clock_gettime(CLOCK_MONOTONIC)": (ELAPSED, lambda: time.clock_gettime(time.CLOCK_MONOTONIC)),
    "time.gmtime": (UTC, lambda: of(time.gmtime())),
    "time.localtime": (LOCAL, lambda: of(time.localtime())),
    "time.localtime(seconds)": (LOCAL, lambda: of(time.localtime(time.time()))),
    "time.strftime": (LOCAL, lambda: parsed(time.strftime(FORMAT))),
    "time.ctime": (LOCAL, lambda: parsed(time.ctime(), "%c")),
    "time.asctime": (LOCAL, lambda: parsed(time.asctime(), "%c")),
    "time.mktime": (INSTANT, lambda: time.mktime(time.localtime())),
    "datetime.now": (LOCAL, lambda: datetime.datetime.now()),
    "datetime.now(UTC)": (INSTANT, lambda: datetime.datetime.now(datetime.UTC)),
    "datetime.now().astimezone": (INSTANT, lambda: datetime.datetime.now().astimezone()),
    "datetime.now().timestamp": (INSTANT, lambda: datetime.datetime.now().timestamp()),
    "datetime.today": (LOCAL, lambda: datetime.datetime.today()),
    "datetime.utcnow": (UTC, lambda: datetime.datetime.utcnow()),
    "datetime.fromtimestamp": (LOCAL, lambda: datetime.datetime.fromtimestamp(time.time())),
    "date.today": (DAY, lambda: datetime.date.today()),
    "date.fromtimestamp": (DAY, lambda: datetime.date.fromtimestamp(time.time())),
    "from time import time": (INSTANT, lambda: the_time()),
    "from time import localtime": (LOCAL, lambda: of(the_localtime())),
    "from time import strftime": (LOCAL, lambda: parsed(the_strftime(FORMAT))),
    "from time import ctime": (LOCAL, lambda: parsed(the_ctime(), "%c")),
    "from time import monotonic": (ELAPSED, lambda: the_monotonic()),
    "from time import perf_counter": (ELAPSED, lambda: the_perf_counter()),
    "from datetime import datetime, now": (LOCAL, lambda: the_datetime.now()),
    "from datetime import datetime, utcnow": (UTC, lambda: the_datetime.utcnow()),
    "from datetime import datetime, fromtimestamp": (LOCAL, lambda: the_datetime.fromtimestamp(time.time())),
    "from datetime import date, today": (DAY, lambda: the_date.today()),
    "default argument time.time": (INSTANT, with_default_time),
    "default argument time.monotonic": (ELAPSED, with_default_monotonic),
    "default argument datetime.now": (LOCAL, with_default_now),
    "class attribute time.time": (INSTANT, lambda: Attributes().time()),
    "class attribute datetime.now": (LOCAL, lambda: Attributes().now()),
    "dataclass with default_factory=time.time": (INSTANT, lambda: Made().seconds),
    "dataclass with default_factory=datetime.now": (LOCAL, lambda: Made().at),
    "subclass of datetime, now": (LOCAL, lambda: Stamp.now()),
    "subclass of datetime, utcnow": (UTC, lambda: Stamp.utcnow()),
    "subclass of datetime, today": (LOCAL, lambda: Stamp.today()),
    "subclass of date, today": (DAY, lambda: Day.today()),
    "pydantic default_factory=datetime.now": (LOCAL, lambda: Order().at),
    "SQLAlchemy default=datetime.now": (LOCAL, row_at),
    "pandas Timestamp.now": (LOCAL, lambda: pandas.Timestamp.now().to_pydatetime()),
    "pandas Timestamp.now(UTC)": (INSTANT, lambda: pandas.Timestamp.now("UTC").timestamp()),
    "pandas Timestamp('now')": (LOCAL, lambda: pandas.Timestamp("now").to_pydatetime()),
    "numpy datetime64('now')": (INSTANT, lambda: float(numpy.datetime64("now").astype(int))),
    "uuid1": (INSTANT, lambda: uuid_seconds(uuid.uuid1())),
    "log record": (INSTANT, lambda: record().created),
    "log record, formatted": (LOCAL, lambda: parsed(logging.Formatter("%(asctime)s", FORMAT).format(record()))),
    "e-mail date": (UTC, lambda: email.utils.parsedate_to_datetime(email.utils.formatdate())),
    "e-mail date, local": (INSTANT, lambda: email.utils.parsedate_to_datetime(email.utils.formatdate(localtime=True))),
    "email.utils.localtime": (INSTANT, lambda: email.utils.localtime()),
    "sqlite CURRENT_TIMESTAMP": (UTC, sqlite_now),
    "os.stat of a new file": (INSTANT, file_time),
    "time.process_time": (ELAPSED, lambda: time.process_time()),
    "clock_gettime(CLOCK_BOOTTIME)": (ELAPSED, lambda: time.clock_gettime(time.CLOCK_BOOTTIME)),
    "datetime.strftime('%s')": (INSTANT, lambda: float(datetime.datetime.now().strftime("%s"))),
}
