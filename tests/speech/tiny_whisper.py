"""A Whisper model that always gives the same words, made in a second.

Its decoder has only positions: the token at each place of its output is fixed, whatever it hears.
"""

from pathlib import Path
from typing import Any

import numpy
import tokenizers
from ctranslate2.specs.whisper_spec import WhisperSpec
from faster_whisper.tokenizer import _LANGUAGE_CODES

_WIDTH = 64
_PLAIN_TOKENS = 50257
_PROMPT_TOKENS = 2  # the language stands at place 0, and what is said begins after the task

_SPECIAL = ("<|endoftext|>", "<|startoftranscript|>")
_LANGUAGES = tuple(f"<|{code}|>" for code in _LANGUAGE_CODES)
_TASKS = (
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
_TIMES = tuple(f"<|{step * 0.02:.2f}|>" for step in range(1501))


def make_model(folder: Path, said: tuple[str, ...], language: str) -> None:
    """Write a model that hears a language, and each word of `said`, within its first two seconds."""
    text = [f"Ġ{word}" for word in said] + [chr(code) for code in range(33, 127)] + ["Ġ", "<unk>"]
    plain = text + [f"word{number}" for number in range(_PLAIN_TOKENS - len(text) - 1)]
    tokens = [*plain, "", *_SPECIAL, *_LANGUAGES, *_TASKS, *_TIMES]
    index = {token: number for number, token in enumerate(tokens)}
    output = ["<|0.00|>", *text[: len(said)], "<|2.00|>", "<|endoftext|>"]
    at = {_PROMPT_TOKENS + place: token for place, token in enumerate(output)} | {0: f"<|{language}|>"}
    spec = WhisperSpec(1, 1, 1, 1)
    _fill(spec, len(tokens))
    for place in range(448):
        spec.decoder.position_encodings.encodings[place, min(place, max(at))] = 1
    for place, token in at.items():
        spec.decoder.projection.weight[index[token], place] = 5
    spec.register_vocabulary(tokens)
    spec.config.lang_ids = [index[language] for language in _LANGUAGES]
    spec.config.suppress_ids = spec.config.suppress_ids_begin = []
    spec.config.alignment_heads = [(0, 0)]
    spec.validate()
    folder.mkdir()
    spec.save(str(folder))
    _save_tokenizer(folder, {token: index[token] for token in tokens[:_PLAIN_TOKENS]})


def _save_tokenizer(folder: Path, plain: dict[str, int]) -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=plain, merges=[], unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([*_SPECIAL, *_LANGUAGES, *_TASKS, *_TIMES])
    tokenizer.save(str(folder / "tokenizer.json"))


def _fill(spec: Any, vocabulary_size: int) -> None:
    """Weights of the right shapes, without a meaning."""
    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = _zeros(_WIDTH, 80, 3), _zeros(_WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = _zeros(_WIDTH, _WIDTH, 3), _zeros(_WIDTH)
    encoder.position_encodings.encodings = _zeros(1500, _WIDTH)
    decoder.position_encodings.encodings = _zeros(448, _WIDTH)
    decoder.embeddings.weight = _zeros(vocabulary_size, _WIDTH)
    decoder.projection.weight = _zeros(vocabulary_size, _WIDTH)
    for part in (encoder, decoder):
        _norm(part.layer_norm)
        for layer in part.layer:
            _attention(layer.self_attention, 3, 1)
            _norm(layer.ffn.layer_norm)
            _linear(layer.ffn.linear_0, 4 * _WIDTH, _WIDTH)
            _linear(layer.ffn.linear_1, _WIDTH, 4 * _WIDTH)
    _attention(decoder.layer[0].attention, 1, 2, 1)


def _attention(attention: Any, *widths: int) -> None:
    _norm(attention.layer_norm)
    for linear, width in zip(attention.linear, widths, strict=True):
        _linear(linear, width * _WIDTH, _WIDTH)


def _norm(norm: Any) -> None:
    norm.gamma, norm.beta = numpy.ones(_WIDTH, numpy.float32), _zeros(_WIDTH)


def _linear(linear: Any, outputs: int, inputs: int) -> None:
    linear.weight, linear.bias = _zeros(outputs, inputs), _zeros(outputs)


def _zeros(*shape: int) -> Any:
    return numpy.zeros(shape, numpy.float32)
