"""What an import has done, and what it left out and why."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """Counts, and one line for each user and lamp that was left out or came with a change."""

    counts: Counter[str] = field(default_factory=Counter)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self, *, dry_run: bool) -> list[str]:
        """Return the report for an operator."""
        verb = "Would import" if dry_run else "Imported"
        lines = [
            f"{verb} {self.counts['users']} users and {self.counts['lamps']} lamps "
            f"({self.counts['owned']} with an owner, {self.counts['lamps'] - self.counts['owned']} unclaimed).",
            f"Already here and unchanged: {self.counts['users here']} users and {self.counts['lamps here']} lamps.",
        ]
        for title, entries in ("Left out", self.left_out), ("Note", self.notes):
            lines += [f"{title}: {entry}" for entry in entries]
        if dry_run:
            lines.append("This was a dry run; nothing was changed.")
        return lines
