"""Plugins of pytest that are installed for the tests of fcemu, and that suites of users get only where they ask."""

OTHERS = (
    "anyio",
    "asyncio",
    "freezer",
    "hypothesispytest",
    "pytest_httpx",
    "randomly",
    "respx",
    "time_machine",
    "timeout",
    "xdist",
)
