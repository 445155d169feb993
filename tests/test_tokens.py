"""pipeline/encoders/tokens.py: windows and batches."""

from pathlib import Path

import pytest

from pipeline.encoders.tokens import batch_size, batches_of, tokenize, windows_of, with_special
from pipeline.instances import Span


@pytest.mark.parametrize("length", [1, 10, 11, 16, 25, 101])
def test_windows_keep_every_token_once(length: int) -> None:
    windows = list(windows_of(0, length, 10))
    kept = [i for window in windows for i in range(window.keep_from, window.keep_to)]
    assert kept == list(range(length))
    assert all(w.start <= w.keep_from < w.keep_to <= w.end and w.end - w.start <= 10 for w in windows)


def test_batches_hold_equal_lengths_within_the_budget_and_every_window_once() -> None:
    windows = [window for text, length in enumerate([3, 9, 3, 40, 3, 9, 1]) for window in windows_of(text, length, 16)]
    batches = list(batches_of(windows, 12))
    assert sorted(w.text for batch in batches for w in batch) == sorted(w.text for w in windows)
    assert all(len({w.end - w.start for w in batch}) == 1 for batch in batches)
    assert all(len(batch) <= batch_size(batch[0].end - batch[0].start + 2, 12) for batch in batches)
    assert [len(batch) for batch in batches if batch[0].end == 3] == [2, 1]


def test_a_sequence_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    assert batch_size(512, 64) == 1


def test_lengths_that_are_padded_alike_share_a_batch() -> None:
    windows = [window for text, length in enumerate([3, 9, 4, 14]) for window in windows_of(text, length, 16)]
    assert [[w.text for w in batch] for batch in batches_of(windows, 64, lambda length: 8 if length <= 8 else 16)] == [[1, 3], [0, 2]]


def test_padding_stands_behind_the_last_special_token(tiny_checkpoint: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint)
    first, last, pad = tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id
    assert with_special([[7, 8], [9]], tokenizer, 5).tolist() == [[first, 7, 8, last, pad], [first, 9, last, pad, pad]]
    assert with_special([[7, 8]], tokenizer).tolist() == [[first, 7, 8, last]]


def test_tokens_that_cover_a_span(tiny_checkpoint: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint)
    text = "قَصَفَت قوات حفتر، المطار"
    (tokens,) = tokenize([text], tokenizer, "arabert")
    at = text.index("حفتر")
    found = tokenizer.convert_ids_to_tokens([tokens.ids[i] for i in tokens.covering([Span(at, at + 4)])])
    assert "".join(found).replace("##", "") == "حفتر"
    assert tokens.covering([]) == []


def test_no_texts_give_no_tokens(tiny_checkpoint: Path) -> None:
    assert tokenize([], None, "arabert") == []
