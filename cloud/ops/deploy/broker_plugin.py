"""Compiles the plugin that limits lamps, for this machine's Mosquitto and processor."""

import subprocess
import tempfile
from pathlib import Path

from cloud.errors import UserError
from cloud.ops.deploy.package_files import LAMP_LIMITS

PLUGIN = Path("/usr/local/lib/lampi/lamp_limits.so")
"""Path in the shipped configuration of the broker."""

_COMPILER = ("cc", "-std=c11", "-D_DEFAULT_SOURCE", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC")
_HOW_TO_GET_IT = "apt install gcc libc6-dev mosquitto-dev libmosquitto-dev"


def compiled() -> bytes:
    """Return the compiled plugin.

    Raises:
        UserError: the compiler or Mosquitto's headers are missing, or the plugin can't be compiled with them.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, PLUGIN.name)
        try:
            done = subprocess.run(
                [*_COMPILER, "-o", output, *sorted(LAMP_LIMITS.glob("*.c"))],
                cwd=folder,
                capture_output=True,
                errors="replace",
                check=False,
            )
        except OSError:
            raise UserError(f"Can't compile the broker's plugin, no C compiler: {_HOW_TO_GET_IT}") from None
        if done.returncode != 0:
            reason = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
            raise UserError(f"Can't compile the broker's plugin ({reason}): {_HOW_TO_GET_IT}")
        return output.read_bytes()
