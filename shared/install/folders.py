"""Folders with the mode that they need under any umask."""

from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder with mode 755, and its missing parents, whatever the umask.

    One that exists stays as it is.

    Raises:
        OSError: it can't be made.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
