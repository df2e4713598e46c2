"""The daemon: notices new lamps, and makes the broker agree with the database."""

import logging
import signal
import time
from collections.abc import Callable
from datetime import datetime
from types import FrameType

import peewee

from cloud import healing
from cloud.broker import DaemonLink
from cloud.config import CloudSettings
from cloud.database import database_proxy, one_line, open_database
from cloud.errors import DatabaseAway
from cloud.events import Confirmation, Connection, Dropped, Event, Inbox, Presence, Probe
from cloud.instants import utc_now
from cloud.leadership import Leadership
from cloud.outbox import ROWS_A_STATEMENT
from cloud.presence import OtherBridges, PresenceBatch
from cloud.publisher import Publisher
from cloud.rotation import rotate
from cloud.schema import require_current, upgrade
from cloud.session import Session
from shared.mqtt import Publication
from shared.payloads import HighWaterMark

log = logging.getLogger(__name__)

POLL_SECONDS = 0.04
"""How long a change that another process made can stay unnoticed."""

BUSY_SECONDS = 1.0
"""How long a write waits for another process's: short, since what arrives meanwhile is kept and tried again."""

LARGEST_BATCH = 10 * ROWS_A_STATEMENT
FLUSH_SECONDS = 1.5
ROTATION_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
