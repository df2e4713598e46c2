#!/bin/sh
# Runs lampi-cloud with this server's settings; run it as root. Commands that write to root's files run as root, all
# others as the user who owns the database. The audit log records the user who called sudo.
set -eu
export LAMPI_SETTINGS_FILE=/etc/lampi/lampi.env
case "${1-}" in
    install | ca | provision | deprovision) exec /opt/lampi/bin/lampi-cloud "$@" ;;
    *) exec setpriv --reuid=lampi --regid=lampi --init-groups --reset-env \
        env LAMPI_SETTINGS_FILE="$LAMPI_SETTINGS_FILE" SUDO_USER="${SUDO_USER-}" /opt/lampi/bin/lampi-cloud "$@" ;;
esac
