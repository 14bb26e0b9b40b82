"""The table of formats has a row for each format, and each rendition has a writer."""

import subprocess
import sys
from typing import get_args

import pytest

from earwitness.kernel.formats import (
    FORMATS,
    KEPT_IF_SET,
    RENDERED,
    Format,
    FormatTableError,
    check_names,
    formats_for,
)
from earwitness.media.decoding.renditions.writers import WRITERS


def test_each_format_has_a_row_and_each_rendition_a_writer() -> None:
    assert set(FORMATS) == set(get_args(Format))
    assert tuple(WRITERS) == RENDERED


def test_the_program_does_not_start_where_a_table_lacks_a_format() -> None:
    with pytest.raises(FormatTableError, match="FORMATS has rows for mp3; expected mp3, ogg"):
        check_names(("mp3", "ogg"), ("mp3",), "FORMATS")


def test_a_recording_is_offered_in_the_formats_that_it_can_be_had_in() -> None:
    assert formats_for("nothing") == ["raw"]
    assert formats_for("decoding") == ["raw", "mp4"]
    assert formats_for("sound") == ["raw", "mp3", "mp3-mono", "wav", "wav-mono", "mp4"]


def test_the_renditions_that_a_setting_can_keep_are_all_but_the_one_that_is_always_kept() -> None:
    assert KEPT_IF_SET == ["mp3-mono", "wav", "wav-mono", "mp4"]


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_program_does_not_start_where_a_format_has_no_writer(command: str) -> None:
    program = (
        "from earwitness.kernel import formats\n"
        "formats.RENDERED += ('opus',)\n"
        "from earwitness.cli.main import app\n"
        "app()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, command], capture_output=True, text=True)
    assert ran.returncode != 0
    assert ran.stderr.endswith(
        "WRITERS has rows for mp3, mp3-mono, wav, wav-mono, mp4; "
        "expected mp3, mp3-mono, wav, wav-mono, mp4, opus\n"
    )
