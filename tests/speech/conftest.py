"""Engines send and download nothing in the process of the tests, as in their own process."""

import os

from earwitness.speech.transcriber import OFFLINE

os.environ.update(OFFLINE)
