"""Lets pytest find the plugin in a source tree: ``pytest -p pytest_plugin``. It is not installed."""

pytest_plugins = ["fcemu.pytest_plugin"]
