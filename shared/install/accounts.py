"""Checks that the accounts of services exist and can run a program."""

import grp
import os
import pwd
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

_START_SECONDS = 60.0
"""The first start from a Pi's SD card takes several seconds."""


def missing_accounts(users: Iterable[str], groups: Iterable[str]) -> list[str]:
    """Return which of these accounts this machine lacks, each as ``user NAME`` or ``group NAME``."""
    return [
        *(f"user {name}" for name in sorted(set(users)) if not _exists(pwd.getpwnam, name)),
        *(f"group {name}" for name in sorted(set(groups)) if not _exists(grp.getgrnam, name)),
    ]


def reason_against(user: str, program: Path) -> str | None:
    """Return why a user can't run ``program --version``, or None if that works.

    Only root can check this for another user.

    Raises:
        KeyError: there is no such user.
    """
    account = pwd.getpwnam(user)
    is_other = account.pw_uid != os.geteuid()
    environment = {"PATH": os.defpath, "HOME": account.pw_dir}
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            env=environment,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=_START_SECONDS,
            check=False,
            user=account.pw_uid if is_other else None,
            group=account.pw_gid if is_other else None,
            extra_groups=os.getgrouplist(user, account.pw_gid) if is_other else None,
        )
    except subprocess.TimeoutExpired:
        return f"it does not answer within {_START_SECONDS:.0f} s"
    except OSError as fault:
        return fault.strerror
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return None if done.returncode == 0 else lines[-1]


def _exists(look_up: Callable[[str], object], name: str) -> bool:
    try:
        look_up(name)
    except KeyError:
        return False
    return True
