"""pytester runs suites of users in tests of the plugin."""

pytest_plugins = ["pytester"]
