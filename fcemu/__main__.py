"""The program ``fcemu``, also ``python -m fcemu``."""

from fcemu.backends import follow_no_freezers
from fcemu.cli import main


def run() -> None:
    """Run a command in this process, which has no tests and so imports neither pytest nor freezegun."""
    follow_no_freezers()
    main()


if __name__ == "__main__":
    run()
