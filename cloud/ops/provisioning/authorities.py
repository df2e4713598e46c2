"""The folder of the two certificate authorities: one for the cloud's broker and programs, one for lamps.

They are separate so that no lamp's certificate can pass for the broker's or the daemon's, and so that a factory needs
only the lamps' key.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Literal

from cloud.ops.provisioning import certificates, files, registry
from cloud.ops.provisioning.authority import Authority, Credentials, Revoked
from cloud.ops.provisioning.errors import AuthorityExists, CantWrite, NoAuthority
from cloud.ops.provisioning.files import OPEN, SECRET, Content
from cloud.ops.provisioning.registry import Issued, Registry

Kind = Literal["ca", "lamps"]
CLOUD: Kind = "ca"
LAMPS: Kind = "lamps"
KINDS: tuple[Kind, ...] = (CLOUD, LAMPS)
_NAMES = {CLOUD: "LAMPI cloud", LAMPS: "LAMPI lamps"}

_REGISTRY = "issued.db"
_LOCK = "lock"
_ADDRESS = "cloud-address"


class Authorities:
    """Issues, records and revokes certificates; keys are read only when needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._registry = Registry(folder / _REGISTRY)

    @classmethod
    def create(cls, folder: Path, now: datetime) -> "Authorities":
        """Create both authorities in a folder that is missing or empty.

        Raises:
            AuthorityExists: the folder is not empty.
            CantWrite: the folder can't be written.
        """
        try:
            taken = folder.exists() and any(folder.iterdir())
        except OSError as fault:
            raise CantWrite(f"Can't read {folder}: {fault.strerror}.") from None
        if taken:
            raise AuthorityExists(
                f"{folder} is not empty; new authorities would lock out all lamps. Nothing was changed."
            )
        contents = {}
        for kind in KINDS:
            authority = Authority.made(_NAMES[kind], now)
            contents[f"{kind}.crt"] = authority.certificate_file()
            contents[f"{kind}.key"] = authority.key_file()
            contents[f"{kind}-revoked.pem"] = authority.revocation_list((), None, now)
        contents[_REGISTRY] = registry.empty_file()
        files.write_folder(folder, contents)
        return cls(folder)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock for issuing and revoking.

        Raises:
            NoAuthority: there are no authorities in the folder.
            CantWrite: the folder is not accessible.
        """
        self._read(f"{CLOUD}.crt")
        with files.locked(self.folder / _LOCK):
            yield

    def issue_lamp(self, device_id: str, now: datetime) -> Credentials:
        """Issue and record a lamp's certificate."""
        credentials = certificates.lamp_credentials(self._lamps, device_id, now)
        self._registry.add(LAMPS, device_id, credentials)
        return credentials

    def issue_program(self, name: str, now: datetime) -> Credentials:
        """Issue and record the certificate of a program of the cloud."""
        credentials = certificates.program_credentials(self._cloud, name, now)
        self._registry.add(CLOUD, name, credentials)
        return credentials

    def issue_server(self, hosts: Sequence[str], now: datetime) -> Credentials:
        """Issue and record the broker's certificate."""
        credentials = certificates.server_credentials(self._cloud, hosts, now)
        self._registry.add(CLOUD, hosts[0], credentials)
        return credentials

    def canary(self, device_id: str, now: datetime) -> Credentials:
        """Issue an unrecorded canary certificate, used to test whether the broker applies a revocation list."""
        return certificates.lamp_credentials(self._lamps, device_id, now)

    def revoke(self, kind: Kind, names: Iterable[str], now: datetime, also: Sequence[Credentials] = ()) -> Content:
        """Revoke all certificates of these names and return the new revocation list; idempotent.

        Raises:
            NotProvisioned: one of them has no valid certificate; nothing is revoked.
        """
        self._registry.revoke(kind, names, now)
        authority = self._lamps if kind == LAMPS else self._cloud
        revoked = [*self._registry.revoked(kind, now), *(Revoked(each.serial, now) for each in also)]
        path = self.folder / f"{kind}-revoked.pem"
        made = authority.revocation_list(revoked, self._read(path.name), now)
        files.write_file(path, made)
        return made

    def is_good(self, kind: Kind, serial: int, until: datetime) -> bool:
        """Return whether a certificate is recorded, not revoked, and valid until a timestamp."""
        return self._registry.is_good(kind, serial, until)

    def shut_out(self, kind: Kind, now: datetime) -> list[str]:
        """Return the names whose unexpired certificates are all revoked."""
        return self._registry.shut_out(kind, now)

    def certificate(self, kind: Kind) -> Content:
        """Return an authority's own certificate."""
        return Content(self._read(f"{kind}.crt"), OPEN)

    def revocation_list(self, kind: Kind) -> Content:
        """Return the current revocation list."""
        return Content(self._read(f"{kind}-revoked.pem"), OPEN)

    def good(self, kind: Kind, now: datetime) -> Iterator[Issued]:
        """Yield the valid certificate of each name that expires last, ordered by expiry."""
        return self._registry.last_of_each(kind, now)

    def ends_at(self, kind: Kind) -> datetime:
        """Return when an authority's own certificate expires."""
        return (self._lamps if kind == LAMPS else self._cloud).certificate.not_valid_after_utc

    @property
    def cloud_address(self) -> str | None:
        """The broker's address for lamps, ``host:port``, as last set."""
        path = self.folder / _ADDRESS
        return self._read(_ADDRESS).decode().strip() if path.exists() else None

    @cloud_address.setter
    def cloud_address(self, address: str) -> None:
        files.write_file(self.folder / _ADDRESS, Content(f"{address}\n".encode(), SECRET))

    @cached_property
    def _cloud(self) -> Authority:
        return self._loaded(CLOUD)

    @cached_property
    def _lamps(self) -> Authority:
        return self._loaded(LAMPS)

    def _loaded(self, kind: Kind) -> Authority:
        try:
            return Authority.loaded(self._read(f"{kind}.crt"), self._read(f"{kind}.key"))
        except ValueError as fault:
            raise NoAuthority(f"{self.folder}/{kind}.crt and {kind}.key are not a valid authority: {fault}.") from None

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise NoAuthority(
                f"There is no {self.folder / name}; create the authorities with `lampi-cloud ca init`."
            ) from None
        except OSError as fault:
            raise CantWrite(f"Can't read {self.folder / name}: {fault.strerror}.") from None
