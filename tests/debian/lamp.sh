#!/usr/bin/env bash
# Install the lamp's program as a Pi does and have it show a code: in a fresh root, which try.sh has made, as root.
#
# No compiler may be needed. The picture of the screen is left in lamp.png.
set -euo pipefail
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive

apt-get update -qq
# lamp_ui/README.md's packages for the Pi, and a virtual screen in place of the panel.
apt-get install -qq -y --no-install-recommends mosquitto mosquitto-clients python3-venv libgl1 libgles2 libegl1 libgbm1 \
  libgl1-mesa-dri 'libmtdev1*' xvfb xauth >/dev/null
! command -v cc || { echo "There is a compiler here: this would prove nothing" >&2; exit 1; }

python3 -m venv /opt/lampi
/opt/lampi/bin/pip install --quiet -c constraints.txt '.[ui,pi]' pillow
/opt/lampi/bin/python -c 'import gpiod, kivy'

port=18830 device=b827ebba0387 code=b71e094d0a8c4d0a8c4d0a8c4d0a8cff
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' $port >/tmp/mosquitto.conf
mosquitto -c /tmp/mosquitto.conf &
Xvfb :7 -screen 0 240x320x24 -nolisten tcp &
until mosquitto_pub -p $port -r -q 1 -t "devices/$device/lamp/associated" \
  -m "{\"associated\": false, \"code\": \"$code\", \"url\": \"https://lamps.example.com/associate\"}" 2>/dev/null; do
  sleep 0.2
done
DISPLAY=:7 HOME=/root LAMPI_DEVICE_ID=$device LAMPI_BROKER_URL=mqtt://127.0.0.1:$port LIBGL_ALWAYS_SOFTWARE=1 \
  /opt/lampi/bin/lampi-ui --size 240x320 >ui.log 2>&1 &

# It connects when its first frame is drawn; the code is on the screen when enough of it is dark and enough is light.
# The deadline is for a lamp that never shows it: an emulated processor on a busy machine takes minutes.
cat >/tmp/shown.py <<'PYTHON'
import sys
import time

from PIL import ImageGrab

end = time.monotonic() + 2400
while time.monotonic() < end:
    picture = ImageGrab.grab(xdisplay=":7").convert("RGB")
    picture.save("lamp.png")
    counts = sorted((count for count, _ in picture.getcolors(240 * 320)), reverse=True)
    if len(counts) > 20 and counts[1] > 2000:  # the QR code's white cells
        sys.exit(0)
    time.sleep(1)
sys.exit("The lamp showed no code: lamp.png, ui.log")
PYTHON
/opt/lampi/bin/python /tmp/shown.py
cat ui.log
echo "The lamp shows its code: lamp.png"
