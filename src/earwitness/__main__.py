"""`python -m earwitness` is the command `earwitness`."""

from earwitness.cli.main import app

app()
