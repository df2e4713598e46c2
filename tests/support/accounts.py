"""The account that runs the tests, by its uid: LOGNAME, which `getpass` prefers, may name another one."""

import os
import pwd


def this_user() -> str:
    """Return the name of the user who runs the tests."""
    return pwd.getpwuid(os.geteuid()).pw_name
