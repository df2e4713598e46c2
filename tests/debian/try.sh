#!/usr/bin/env bash
# Try this checkout's HEAD on a fresh Debian: a new root from debootstrap, a clone in it, the commands in README.md.
#
#   tests/debian/try.sh SUITE USER [MAKE_TARGET...]
#
# SUITE is bookworm or trixie. USER is root, or user for an ordinary user with sudo. Without targets: `run`, which has to
# reach the lamp's popup and lose it again when the lamp is associated, and `test`. The target `lamp` installs the lamp's
# program as on a Pi, without a compiler; its picture is left in .debian/.
#
# Needs debootstrap, and root or sudo; with ARCH=arm64 on another machine also qemu-user-static. Base systems and
# downloaded packages stay in .debian/ for the next time; the root itself is removed at the end, unless KEEP is set.
# Proxies, registries and certificate bundles come from the environment.
set -euo pipefail

suite=$1 as=$2
shift 2
[ $# -gt 0 ] || set -- run test
checkout=$(cd "$(dirname "$0")/../.." && pwd)
arch=${ARCH:-$(dpkg --print-architecture)}
cache=$checkout/.debian/$suite-$arch
root=$checkout/.debian/roots/$suite-$arch-$as-$$
passed_on='http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY
  PIP_CERT PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_DEFAULT_TIMEOUT SSL_CERT_FILE NODE_EXTRA_CA_CERTS npm_config_registry
  CI PYTEST_ADDOPTS'

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
command -v debootstrap >/dev/null || PATH=$PATH:/usr/sbin
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap" >&2; exit 1; }

if ! $as_root test -e "$cache/base/complete"; then
  echo "== $suite, $arch: debootstrap"
  $as_root rm -rf --one-file-system "$cache/base"
  mkdir -p "$cache/debs/partial"
  $as_root debootstrap --arch="$arch" --variant=minbase --include=ca-certificates,sudo,python3,make,git "$suite" "$cache/base" \
    >"$cache/debootstrap.log" || { tail -n 5 "$cache/debootstrap.log" >&2; exit 1; }
  # No service starts: all of them would share this machine's ports.
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$cache/base/usr/sbin/policy-rc.d" >/dev/null
  $as_root chmod +x "$cache/base/usr/sbin/policy-rc.d"
  $as_root touch "$cache/base/complete"
fi

echo "== $suite: a fresh root for ${as/user/a user with sudo}"
mkdir -p "${root%/*}"
remove() { [ -n "${KEEP-}" ] || $as_root rm -rf --one-file-system "$root"; }
trap remove EXIT
keep() { ! $as_root test -e "$root$home/lampi/lamp.png" || $as_root cp "$root$home/lampi/lamp.png" "$cache/lamp.png"; }
$as_root cp -a --reflink=auto "$cache/base" "$root"
$as_root cp -L /etc/resolv.conf "$root/etc/resolv.conf"
echo "127.0.0.1 localhost $(uname -n)" | $as_root tee "$root/etc/hosts" >/dev/null # sudo looks the host up

home=/root
if [ "$as" = user ]; then
  home=/home/user
  $as_root chroot "$root" useradd --create-home --shell /bin/bash user
  echo 'user ALL=(ALL) NOPASSWD: ALL' | $as_root tee "$root/etc/sudoers.d/user" >/dev/null
fi
$as_root git -c safe.directory="$checkout" clone --quiet --no-hardlinks "$checkout" "$root$home/lampi"
$as_root chroot "$root" chown -R "$as:" "$home/lampi"

settings=(HOME="$home" USER="$as" LOGNAME="$as" LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in $passed_on; do
  value=${!name-}
  [ -n "$value" ] || continue
  settings+=("$name=$value")
  if [ -f "$value" ]; then # a certificate bundle
    $as_root install -D -m 644 "$value" "$root$value"
  fi
done

# Mounts and processes of its own: none outlives the run, whatever ends it.
$as_root env -i "${settings[@]}" SUITE_ROOT="$root" SUITE_DEBS="$cache/debs" SUITE_USER="$as" \
  unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -c '
    for place in dev sys; do mount --rbind /$place "$SUITE_ROOT/$place"; done
    mount -t tmpfs tmpfs "$SUITE_ROOT/dev/shm"
    mount -t proc proc "$SUITE_ROOT/proc"
    mount --bind "$SUITE_DEBS" "$SUITE_ROOT/var/cache/apt/archives"
    exec chroot --userspec="$SUITE_USER" "$SUITE_ROOT" bash "$HOME/lampi/tests/debian/inside.sh" "$@"' -- "$@"
keep
