"""The dependency audit of `make check`: does a vulnerability that is known concern a version in constraints.txt?

pip-audit calls a package that its service does not know "skipped", says that no vulnerability was found, and ends with
status 0; so does a registry's mirror that serves no advisories make everything look safe. Here that is no audit.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.support.pins import FILE

SERVICES = ("pypi", "osv")
AUDIT = (sys.executable, "-m", "pip_audit", "--requirement", str(FILE), "--no-deps", "--disable-pip")


class NotDone(Exception):
    """No service audited every dependency; the text says why."""


def vulnerabilities(command: Sequence[str] = AUDIT, services: Sequence[str] = SERVICES) -> list[str]:
    """Return a line for each vulnerability that the first service which can be asked knows of.

    Raises:
        NotDone: none could be asked about everything, and what could be asked is not known to be vulnerable.
    """
    reasons = []
    for service in services:
        found, reason = _asked([*command, "--vulnerability-service", service])
        if found or reason is None:
            return found
        reasons.append(f"{service}: {reason}")
    raise NotDone("; ".join(reasons))


def _asked(command: Sequence[str]) -> tuple[list[str], str | None]:
    """Return what one service knows, and why that is not all, or None where it is."""
    words = [*command, "--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines()
        return [], lines[-1][:120] if lines else f"exit status {done.returncode}"
    found = [
        f"{each['name']} {each['version']}: {known['id']}, mended in {', '.join(known['fix_versions']) or 'no version'}"
        for each in dependencies
        for known in each.get("vulns", ())
    ]
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    if skipped:
        return found, f"it knows nothing of {len(skipped)} of {len(dependencies)} packages, as of {skipped[0]}"
    return found, None if dependencies else "there is nothing in it"


def main() -> int:
    """Run the audit; return the exit status."""
    try:
        found = vulnerabilities()
    except NotDone as reason:
        print(f"The dependency audit was NOT done, run it where a service can be reached ({reason}).")  # noqa: T201
        return 0
    for line in found:
        print(f"Vulnerable: {line}")  # noqa: T201
    print(f"The dependency audit found {len(found)} vulnerabilities.")  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
