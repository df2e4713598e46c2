"""Settings files: lines NAME=value; errors never quote a value."""

from pathlib import Path

import pytest

from shared.settings import BadSettings, misspelt, read_settings_file


def test_lines_are_read(tmp_path: Path) -> None:
    file = tmp_path / "lampi.env"
    file.write_text(
        "\ufeff# a comment\n\nLAMPI_A=1\n  LAMPI_B= two words#no comment \nLAMPI_C='quo ted # too'\n"
        'LAMPI_D=""\nLAMPI_E=a=b\n'
    )
    assert read_settings_file(file) == {
        "LAMPI_A": "1",
        "LAMPI_B": "two words#no comment",
        "LAMPI_C": "quo ted # too",
        "LAMPI_D": "",
        "LAMPI_E": "a=b",
    }


def test_bad_lines_are_numbered_and_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "lampi.env"
    file.write_text("LAMPI_A=1\nmqtt://me:secret@host\nexport LAMPI_B=2\n")
    with pytest.raises(BadSettings) as bad:
        read_settings_file(file)
    assert bad.value.faults == (f"{file}, line 2: not NAME=value", f"{file}, line 3: not NAME=value")


@pytest.mark.parametrize("content", [None, b"\xff=1\n"])
def test_an_unreadable_file_is_reported(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "lampi.env"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSettings, match=str(file)):
        read_settings_file(file)


@pytest.mark.parametrize("line", ["A=1   # secret", "A=# secret", "A='1' # secret", 'A="1" # "secret"'])
def test_a_comment_after_a_value_is_refused(tmp_path: Path, line: str) -> None:
    """A database on `sqlite:////srv/lampi.db   # on the SSD` would be a new, empty one."""
    file = tmp_path / "lampi.env"
    file.write_text(f"{line}\n")
    with pytest.raises(BadSettings) as bad:
        read_settings_file(file)
    assert bad.value.faults == (f"{file}, line 1: a comment after the value; put it on a line of its own",)


def test_a_misspelt_setting_is_named() -> None:
    """Other programs' settings are not misspelt ones of ours, however similar."""
    known = ["LAMPI_DATABASE_URL", "LAMPI_CODE_TTL"]
    others = ["LAMPI_SIZE", "DATABASE_URL", "MY_LAMPI_DATABASE_URL", "PATH"]
    assert misspelt(["LAMPI_DATABSE_URL", "LAMPI_CODE_TTL", *others], known) == [
        "LAMPI_DATABSE_URL is not a setting; did you mean LAMPI_DATABASE_URL?"
    ]
