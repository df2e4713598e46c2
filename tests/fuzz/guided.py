"""`python -m tests.fuzz.guided TARGET RUNS SEED`: inputs by atheris, which looks for those that reach new code.

In a process of its own, since atheris ends it. Says how many inputs were read and refused.
"""

import os
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["shared", "cloud", "lamp_ui"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, runs: int, seed: str) -> None:
    """Run; what must not be raised ends the process with its traceback."""
    (target,) = (target for target in TARGETS if target.name == name)
    counts = [0, 0]

    def one(data: bytes) -> None:
        counts[target.accepts(target.from_bytes(data))] += 1
        if sum(counts) == runs:
            sys.stdout.write(f"{counts[1]} {counts[0]}\n")
            sys.stdout.flush()
            os._exit(0)

    with tempfile.TemporaryDirectory() as folder:
        for number, example in enumerate(target.seeds):
            (Path(folder) / str(number)).write_bytes(example)
        atheris.Setup([sys.argv[0], folder, f"-seed={seed}", "-verbosity=0", f"-artifact_prefix={folder}/"], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
