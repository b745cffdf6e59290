"""Whether what inline handlers write is shown where this process writes, too. Known before anything runs handlers."""


class Shown:
    """``on`` while it is shown."""

    on = True


def hide() -> None:
    """Show nothing of what handlers write from now on: something else does."""
    Shown.on = False
