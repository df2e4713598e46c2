"""A real nginx with the shipped configuration, on free ports and with a test certificate."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.ops.deploy import nginx, package_files
from tests.support.broker import listens
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "nginx"
HOST = "lamps.example.com"

_MAIN = """\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/start.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/lampi.conf;
}}
"""


class Nginx:
    """Stands before a page on a loopback port, with TLS on ``port`` and without on ``plain_port``."""

    def __init__(self, folder: Path, page_port: int, *, host: str = HOST, locations: str = "") -> None:
        """Lay out the shipped configuration for ``host``; ``locations`` replace its own."""
        folder.mkdir(parents=True)
        self.folder = folder
        self.port, self.plain_port = free_port(), free_port()
        self.certificate = folder / "fullchain.pem"
        self._process: subprocess.Popen[bytes] | None = None
        self._make_certificate()
        configuration = nginx.configuration(host, nginx.installed_version())
        for there, here in {
            "    listen [::]:80;\n": "",
            "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
            "listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl",
            "127.0.0.1:8000": f"127.0.0.1:{page_port}",
            "/etc/nginx/lampi": str(folder),
            "/var/log/nginx": str(folder),
            "/usr/local/share/lampi/unavailable.html": str(package_files.UNAVAILABLE_PAGE),
        }.items():
            assert there in configuration
            configuration = configuration.replace(there, here)
        configuration = re.sub(r"    listen \[::\]:443 .*\n", "", configuration)
        if locations:
            configuration = configuration[: configuration.index("    location / {")] + locations + "}\n"
        (folder / "lampi.conf").write_text(configuration)
        user = "user root;" if os.geteuid() == 0 else ""  # nginx warns of it where it can't matter
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user))

    def check(self) -> str:
        """Have nginx check the configuration, and return what it says."""
        command: list[str | Path] = [NGINX, "-t", "-p", self.folder, "-c", self.folder / "nginx.conf"]
        done = subprocess.run([*command, "-e", self.folder / "start.log"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def logs(self) -> str:
        return "".join(log.read_text() for log in self.folder.glob("*.log"))

    def _make_certificate(self) -> None:
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
                *("-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST},IP:127.0.0.1", "-days", "2"),
                *("-keyout", self.folder / "privkey.pem", "-out", self.certificate),
            ],
            check=True,
            capture_output=True,
        )

    def __enter__(self) -> Self:
        command: list[str | Path] = [
            NGINX,
            "-p",
            self.folder,
            "-c",
            self.folder / "nginx.conf",
            "-e",
            self.folder / "start.log",
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port) and listens(self.plain_port), "nginx to listen")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(DEADLINE_SECONDS)
