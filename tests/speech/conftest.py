"""Engines that are loaded in the tests' own process keep to themselves as they do in theirs."""

import os

from earwitness.speech.transcriber import OFFLINE

os.environ.update(OFFLINE)
