"""``blazar-manager`` looking for due events every ``$EVENT_INTERVAL`` seconds; Blazar itself says ten and asks nobody."""

from __future__ import annotations

import os
import sys

import cloud_logins
from blazar.cmd.manager import main
from blazar.manager import service

if __name__ == "__main__":
    cloud_logins.remember()
    service.EVENT_INTERVAL = float(os.environ["EVENT_INTERVAL"])
    sys.argv[0] = "blazar-manager"
    main()
