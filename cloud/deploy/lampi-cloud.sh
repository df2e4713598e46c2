#!/bin/sh
# lampi-cloud with this server's settings, to be run as root: as the user who owns the database, except for the
# commands that write where only root may. History tells who called sudo.
set -eu
export LAMPI_SETTINGS_FILE=/etc/lampi/lampi.env
case "${1-}" in
    install | ca | provision | deprovision) exec /opt/lampi/bin/lampi-cloud "$@" ;;
    *) exec setpriv --reuid=lampi --regid=lampi --init-groups --reset-env \
        env LAMPI_SETTINGS_FILE="$LAMPI_SETTINGS_FILE" SUDO_USER="${SUDO_USER-}" /opt/lampi/bin/lampi-cloud "$@" ;;
esac
