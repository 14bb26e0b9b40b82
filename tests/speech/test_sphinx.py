"""Pocketsphinx transcribes clear English with its times, and finds no words where nobody speaks."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from earwitness.speech.loading import load
from earwitness.speech.sphinx import utterances
from tests.speech.spoken import BYTES_A_SECOND, SENTENCES, errors, heard, sample, words

MOST_WORDS_WRONG = 0.15


def in_pieces(pcm: bytes, size: int = 10_000) -> Iterator[bytes]:
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


@pytest.mark.parametrize("voice", SENTENCES)
def test_no_more_than_15_percent_of_the_words_of_clear_speech_are_wrong(voice: str) -> None:
    transcript = load("pocketsphinx", "").transcribe(in_pieces(heard(sample(voice))))
    assert transcript.language == "en"
    said = words(" ".join(SENTENCES[voice]))
    wrong = errors(said, words(" ".join(segment.text for segment in transcript.segments)))
    assert wrong / len(said) <= MOST_WORDS_WRONG, f"{wrong} of {len(said)} words"


@pytest.mark.parametrize("pcm", [b"", bytes(BYTES_A_SECOND * 3)], ids=["nothing", "silence"])
def test_no_words_are_found_where_nobody_speaks(pcm: bytes) -> None:
    transcript = load("pocketsphinx", "").transcribe(in_pieces(pcm))
    assert (transcript.language, transcript.segments) == (None, [])


def test_each_sentence_is_found_where_it_was_said() -> None:
    pcm = heard(sample("rms"))
    silence = bytes(BYTES_A_SECOND * 5)
    found = list(utterances(in_pieces(pcm)))
    later = list(utterances(in_pieces(silence + pcm)))
    assert len(found) == len(later) == len(SENTENCES["rms"])
    for one, other in zip(found, later, strict=True):
        assert other.start == pytest.approx(one.start + 5, abs=0.1)
    for one, other in pairwise(found):
        assert one.start < one.end <= other.start
    assert found[-1].end <= len(pcm) / BYTES_A_SECOND


def test_speech_that_is_cut_off_is_heard_to_its_end() -> None:
    first = next(iter(utterances(in_pieces(heard(sample("rms"))))))
    middle = (first.start + first.end) / 2
    frame_bytes = 960
    cut = int(middle * BYTES_A_SECOND) // frame_bytes * frame_bytes
    for end in (cut, cut + 100):
        (only,) = utterances(in_pieces(heard(sample("rms"))[:end]))
        assert only.end == pytest.approx(end / BYTES_A_SECOND, abs=0.1)


def test_speech_without_a_pause_is_cut_into_half_minutes() -> None:
    spoken = next(iter(utterances(in_pieces(heard(sample("rms")))))).pcm
    endless = (spoken * 40)[: 70 * BYTES_A_SECOND]
    found = list(utterances(in_pieces(endless)))
    assert all(one.end - one.start <= 31 for one in found)
    assert sum(one.end - one.start for one in found) == pytest.approx(70, abs=2)
