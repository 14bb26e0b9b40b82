"""Engines in the tests' own process send nothing and download nothing, as in their own process."""

import os

from earwitness.speech.transcriber import OFFLINE

os.environ.update(OFFLINE)
