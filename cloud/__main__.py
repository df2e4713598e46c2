"""`python -m cloud` and the console script `lampi-cloud`."""

from cloud.cli import commands


def main() -> None:
    """Run the command line."""
    commands(prog_name="lampi-cloud")


if __name__ == "__main__":
    main()
