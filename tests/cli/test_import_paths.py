"""`mediaPath` of a manifest names a regular file below the folder of media, and nothing else is ever read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from earwitness.media.keys.key_file import KEYS_FILE
from tests.cli.conftest import Run
from tests.cli.running import running
from tests.firm import CLIENT_ID, Firm, call

Tell = Callable[..., Any]

OUTSIDE = "mediaPath: expected a file below the folder of the manifest"
NOT_REGULAR = "mediaPath: expected a regular file"
OWN = "mediaPath: cannot be read: it is a folder of the archive itself, or in one"


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    """A folder with one file, and beside the folder another file, which must not be read."""
    exports = tmp_path / "exports"
    (exports / "media").mkdir(parents=True)
    (exports / "media" / "one.wav").write_bytes(b"one")
    (tmp_path / "shadow").write_bytes(b"root:$6$")
    return exports


def manifest_of(folder: Path, *paths: str) -> Path:
    """A manifest with a recording for each path, and a last one without media."""
    lines = [call(thirdPartyId=f"of {path[:200]}", mediaPath=path) for path in paths]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(f"{json.dumps(line)}\n" for line in (*lines, call(thirdPartyId="last"))))
    return manifest


def errors_of(firm: Firm, tell: Tell, manifest: Path, *options: object) -> list[str]:
    """The errors of its lines; all of them fail except the last."""
    told = tell("import", CLIENT_ID, manifest, *options, exit_code=1)
    count = len(manifest.read_text().splitlines())
    assert [failure["line"] for failure in told["failed"]] == list(range(1, count))
    assert (told["imported"], firm.search()) == (1, ["last"])
    assert list(firm.archive.store.names()) == []
    return [failure["error"] for failure in told["failed"]]


def raw(firm: Firm, third_party_id: str) -> bytes:
    wanted = {"thirdPartyId": third_party_id, "format": "raw"}
    return firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted).content


def test_paths_that_lead_out_of_the_folder_fail_only_their_lines(
    firm: Firm, tell: Tell, exports: Path
) -> None:
    own = firm.settings.keys_folder / KEYS_FILE
    paths = ("/etc/shadow", str(own), "../shadow", "media/../../shadow", str(exports / "../shadow"), "..")
    assert own.exists()
    for error in errors_of(firm, tell, manifest_of(exports, *paths)):
        assert error.startswith(OUTSIDE)
        assert "--media-root" in error


def test_links_that_lead_out_of_the_folder_fail_only_their_lines(
    firm: Firm, tell: Tell, exports: Path
) -> None:
    (exports / "absolute.wav").symlink_to("/etc/passwd")
    (exports / "media" / "relative.wav").symlink_to("../../shadow")
    (exports / "folder").symlink_to(exports.parent)
    (exports / "twice.wav").symlink_to("media/relative.wav")
    paths = ("absolute.wav", "media/relative.wav", "folder/shadow", "twice.wav")
    assert all(error.startswith(OUTSIDE) for error in errors_of(firm, tell, manifest_of(exports, *paths)))


def test_links_in_a_circle_and_to_nowhere_fail_only_their_lines(
    firm: Firm, tell: Tell, exports: Path
) -> None:
    (exports / "a").symlink_to("b")
    (exports / "b").symlink_to("a")
    (exports / "nowhere").symlink_to("media/none.wav")
    circle, inside, nowhere = errors_of(firm, tell, manifest_of(exports, "a", "a/b", "nowhere"))
    assert circle == inside == "mediaPath: cannot be read: Too many levels of symbolic links"
    assert nowhere == "mediaPath: cannot be read: No such file or directory"


def test_a_path_of_any_length_fails_only_its_line(firm: Firm, tell: Tell, exports: Path) -> None:
    """No path takes longer than its length explains."""
    paths = ("media/../" * 400_000 + "shadow", "a/" * 400_000, "x" * 5000, "media/one.wav/" * 200)
    *long, odd = errors_of(firm, tell, manifest_of(exports, *paths))
    assert long == ["mediaPath: cannot be read: File name too long"] * 3
    assert odd == "mediaPath: cannot be read: one.wav is a link, or no folder"


def test_anything_but_a_regular_file_fails_only_its_line(firm: Firm, tell: Tell, exports: Path) -> None:
    os.mkfifo(exports / "pipe.wav")
    (exports / "link.wav").symlink_to("pipe.wav")
    for error in errors_of(
        firm, tell, manifest_of(exports, "pipe.wav", "link.wav", "media", ".", str(exports))
    ):
        assert error == NOT_REGULAR


def test_a_device_fails_only_its_line(firm: Firm, tell: Tell, exports: Path) -> None:
    manifest = manifest_of(exports, "zero", "/dev/tty")
    assert errors_of(firm, tell, manifest, "--media-root", "/dev") == [NOT_REGULAR] * 2


def test_a_file_of_the_archive_itself_fails_only_its_line(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    """The folder of the manifest may contain the archive."""
    (tmp_path / "link").symlink_to("keys")
    paths = (
        f"keys/{KEYS_FILE}",
        str(firm.settings.data / "directory.db"),
        "data/../data/x",
        f"link/{KEYS_FILE}",
    )
    assert errors_of(firm, tell, manifest_of(tmp_path, *paths)) == [OWN] * len(paths)


def test_the_archives_folder_is_recognised_by_another_name(firm: Firm, tell: Tell, tmp_path: Path) -> None:
    manifest = manifest_of(tmp_path, KEYS_FILE)
    assert errors_of(firm, tell, manifest, "--media-root", firm.settings.keys_folder) == [OWN]


def test_paths_that_stay_in_the_folder_are_taken(firm: Firm, tell: Tell, exports: Path) -> None:
    (exports / "link.wav").symlink_to("media/one.wav")
    (exports / "media" / "absolute.wav").symlink_to(exports / "media" / "one.wav")
    (exports / "latest").symlink_to("media/../media")
    (exports / "M\N{LATIN SMALL LETTER U WITH DIAERESIS}ller #1.wav").write_bytes(b"one")
    paths = (
        *("media/one.wav", "./media/../media/one.wav", "link.wav", "latest/one.wav", "latest/absolute.wav"),
        *(str(exports / "media/one.wav"), str(exports / "latest/one.wav"), "M\u00fcller #1.wav"),
    )
    told = tell("import", CLIENT_ID, manifest_of(exports, *paths))
    assert (told["imported"], told["failed"]) == (len(paths) + 1, [])
    assert {raw(firm, f"of {path}") for path in paths} == {b"one"}


def test_a_folder_that_is_reached_by_a_link_can_have_either_name(
    firm: Firm, tell: Tell, exports: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(exports)
    paths = ("media/one.wav", str(exports / "media/one.wav"), str(tmp_path / "link" / "media" / "one.wav"))
    told = tell("import", CLIENT_ID, manifest_of(tmp_path / "link", *paths))
    assert (told["imported"], told["failed"]) == (4, [])


def test_media_is_looked_up_below_the_named_folder(
    firm: Firm, tell: Tell, exports: Path, tmp_path: Path
) -> None:
    (tmp_path / "manifests").mkdir()
    manifest = manifest_of(tmp_path / "manifests", "media/one.wav", str(exports / "media" / "one.wav"))
    told = tell("import", CLIENT_ID, manifest, "--media-root", exports)
    assert (told["imported"], told["failed"]) == (3, [])
    assert raw(firm, "of media/one.wav") == b"one"


def test_paths_beside_the_folder_that_is_named_fail_only_their_lines(
    firm: Firm, tell: Tell, exports: Path
) -> None:
    (exports / "one.wav").write_bytes(b"beside the manifest, and not in the folder of media")
    manifest = manifest_of(exports, "two.wav", str(exports / "one.wav"), "../one.wav")
    missing, *out = errors_of(firm, tell, manifest, "--media-root", exports / "media")
    assert missing == "mediaPath: cannot be read: No such file or directory"
    assert all(error.startswith(OUTSIDE) for error in out)


def test_a_media_root_that_is_no_folder_is_refused(firm: Firm, run: Run, exports: Path) -> None:
    manifest = manifest_of(exports)
    for path in (exports / "nowhere", manifest):
        assert "--media-root" in run("import", CLIENT_ID, manifest, "--media-root", path, exit_code=2).output


def test_a_manifest_that_is_a_pipe_is_refused(firm: Firm, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.jsonl")
    with running(firm.settings, "import", CLIENT_ID, tmp_path / "manifest.jsonl", "--json") as process:
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "expected a regular file" in json.loads(printed)["error"]


def test_an_error_of_a_line_is_one_line_that_can_be_printed(
    firm: Firm, run: Run, tell: Tell, tmp_path: Path
) -> None:
    for source in ("one", "another"):
        manifest = tmp_path / f"{source}.jsonl"
        manifest.write_text(json.dumps(call(thirdPartyId="a\nb\x1b[2J\u202e", source=source)))
        told = tell("import", CLIENT_ID, manifest, exit_code=0 if source == "one" else 1)
    (failure,) = told["failed"]
    assert failure["error"].isprintable()
    shown = run("import", CLIENT_ID, manifest, exit_code=1).stdout
    assert all(line.isprintable() for line in shown.splitlines())
