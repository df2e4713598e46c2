"""`python -m cloud` and the console script `lampi-cloud`."""

from cloud.cli import commands
from shared.terminal import escape_unshowable


def main() -> None:
    """Run the command line."""
    escape_unshowable()
    commands(prog_name="lampi-cloud")


if __name__ == "__main__":
    main()
