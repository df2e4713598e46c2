"""nginx's configuration: the HTTP/2 syntax for each version."""

import subprocess
from pathlib import Path

import pytest

from cloud.ops.deploy import nginx

PAGE = "our.lamps.example"
OLD = ["listen 443 ssl http2;", "listen [::]:443 ssl http2;"]
NEW = ["listen 443 ssl;", "listen [::]:443 ssl;", "http2 on;"]


@pytest.mark.parametrize(
    ("version", "lines"),
    [(None, OLD), ((1, 22, 1), OLD), ((1, 25, 0), OLD), ((1, 25, 1), NEW), ((1, 26, 3), NEW), ((2, 0, 0), NEW)],
)
def test_each_version_gets_its_spelling(version: nginx.Version | None, lines: list[str]) -> None:
    configuration = nginx.configuration(PAGE, version)
    spelled = [line.strip() for line in configuration.splitlines() if "443" in line or line.strip().startswith("http2")]
    assert spelled == lines
    assert configuration.count(f"server_name {PAGE};") == 2


def make_nginx(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "nginx"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(nginx, "_PLACES", str(folder))


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("nginx version: nginx/1.26.3", (1, 26, 3)),
        ("nginx version: nginx/1.18.0 (Ubuntu)", (1, 18, 0)),
        ("nginx: command of a different kind", None),
    ],
)
def test_the_installed_version_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, version: nginx.Version | None
) -> None:
    make_nginx(tmp_path, f"echo '{said}' >&2", monkeypatch)
    assert nginx.installed_version() == version


def test_without_nginx_the_version_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "_PLACES", str(tmp_path))
    assert nginx.installed_version() is None
    make_nginx(tmp_path, "", monkeypatch)
    (tmp_path / "nginx").write_text("#!/no/such/interpreter\n")
    assert nginx.installed_version() is None


@pytest.mark.server
def test_a_real_nginx_says_its_version() -> None:
    real = subprocess.run(["/usr/sbin/nginx", "-v"], capture_output=True, text=True, check=True).stderr
    version = nginx.installed_version()
    assert version is not None
    assert ".".join(map(str, version)) in real
