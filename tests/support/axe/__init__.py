"""Automatic checks of WCAG 2.2, levels A and AA, by axe-core in the browser."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
_RUN = "async () => (await axe.run()).violations"


def violations(page: Page) -> list[str]:
    """Return a line for each element of the page that breaks a rule, best practices among them."""
    assert _AXE.is_file(), "axe-core is not here; 'make test' installs it"
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in page.evaluate(_RUN)
        for node in rule["nodes"]
    ]
