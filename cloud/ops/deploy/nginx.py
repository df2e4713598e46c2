"""nginx's configuration, in the HTTP/2 syntax of the installed version."""

import re
import shutil
import subprocess

from cloud.ops.deploy import package_files

Version = tuple[int, ...]

_HTTP2_DIRECTIVE_SINCE: Version = (1, 25, 1)
"""From this version `listen ... http2` is deprecated; before, `http2 on` is an error. https://nginx.org/en/CHANGES"""

_PLACES = "/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"
_VERSION = re.compile(r"nginx/(\d+)\.(\d+)\.(\d+)")
_LISTEN = "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n"


def installed_version() -> Version | None:
    """Return the version of the installed nginx, None if there is none or it is unknown."""
    program = shutil.which("nginx", path=_PLACES)
    if program is None:
        return None
    try:
        output = subprocess.run([program, "-v"], capture_output=True, text=True, errors="replace", check=False).stderr
    except OSError:
        return None
    match = _VERSION.search(output)
    return None if match is None else tuple(map(int, match.groups()))


def configuration(page: str, version: Version | None) -> str:
    """Return the configuration for a host name.

    An unknown version gets the old syntax: all versions accept it, newer ones with a warning.
    """
    values = {"lamps.example.com": page}
    if version is not None and version >= _HTTP2_DIRECTIVE_SINCE:
        values[_LISTEN] = _LISTEN.replace(" http2;", ";") + "    http2 on;\n"
    return package_files.filled_in(package_files.NGINX, values)
