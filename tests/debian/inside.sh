#!/usr/bin/env bash
# Run make's targets in a fresh root, which try.sh has made; `run` has to reach the lamp's popup.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Waits until a line of `make run` matches, for ten minutes at most: it installs everything first.
await() {
  local end=$((SECONDS + 600))
  until grep -q "$1" run.log; do
    if [ $SECONDS -ge $end ] || ! kill -0 "$run" 2>/dev/null; then
      cat run.log >&2
      echo "make run did not show: $1" >&2
      exit 1
    fi
    sleep 0.2
  done
}

try_run() {
  : >run.log
  setsid make run >run.log 2>&1 &
  run=$!
  await 'Associate your Lamp'
  await 'lampi-cloud associate'
  # The command that it prints for another terminal.
  eval "$(grep -m 1 -o '\.venv/bin/lampi-cloud associate .*' run.log)"
  await 'This lamp is associated'
  kill -INT -- "-$run"
  wait "$run" || true
  echo "make run showed its popup, and lost it when the lamp was associated"
}

for target in "$@"; do
  echo "== $(. /etc/os-release && echo "$PRETTY_NAME"), $(id -un): make $target"
  begun=$SECONDS
  case $target in
    run) try_run ;;
    lamp) tests/debian/lamp.sh ;;
    *) make "$target" ;;
  esac
  echo "== make $target took $((SECONDS - begun)) s"
done
