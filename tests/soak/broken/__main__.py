"""`python -m tests.soak.broken SABOTAGE cloud|rival WORDS...`: the same programs, with one thing broken."""

import sys

from cloud.__main__ import main
from tests.soak import rival_process
from tests.soak.broken import SABOTAGES


def run() -> None:
    """Break what is named, and run what is named."""
    name, program = sys.argv[1:3]
    del sys.argv[1:3]
    SABOTAGES[name]()
    {"cloud": main, "rival": rival_process.main}[program]()


if __name__ == "__main__":
    run()
