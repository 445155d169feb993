"""pipeline/encoders/transformer.py, on a tiny checkpoint in AraBERT's format, with every runtime that this machine has."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run

from pipeline.config import TransformerSettings
from pipeline.encoders.cache import FILE, CachedEncoder, VectorCache
from pipeline.encoders.transformer import TransformerEncoder
from pipeline.instances import Instance, Span

TEXT = "أشادت البعثة الأممية بالهدنة، بينما قصفت قوات حفتر المطار."
RUNTIMES = [("torch", "fp32"), ("torch", "auto"), ("openvino", "fp32"), ("openvino", "auto")]


def settings(model: Path | str, **changes: object) -> TransformerSettings:
    return TransformerSettings.model_validate({"kind": "transformer", "model": str(model), **changes})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module", params=RUNTIMES, ids=["-".join(pair) for pair in RUNTIMES])
def encoder(request: pytest.FixtureRequest, tiny_checkpoint: Path, store: Path) -> TransformerEncoder:
    runtime, precision = request.param
    return TransformerEncoder(settings(tiny_checkpoint, runtime=runtime, precision=precision), Path("/"), store)


@pytest.fixture(scope="module")
def exact(tiny_checkpoint: Path, store: Path) -> TransformerEncoder:
    return TransformerEncoder(settings(tiny_checkpoint, runtime="torch", precision="fp32"), Path("/"), store)


def toward(text: str, target: str) -> Instance:
    at = text.index(target)
    return Instance(text, (Span(at, at + len(target)),))


def some_instances(texts: list[str]) -> list[Instance]:
    """Instances of every length from one token to several windows, with targets and without."""
    words = " ".join(texts).split()
    made = [Instance(" ".join(words[n : n + 1 + n % 40]), (Span(0, 3),) if n % 3 else ()) for n in range(200)]
    return [*made, *(Instance(" ".join(words[n : n + 150]), (Span(200, 210),)) for n in range(0, 300, 60))]


def test_vector_is_target_mean_then_sentence_mean(encoder: TransformerEncoder) -> None:
    vectors = encoder.encode([toward(TEXT, "البعثة الأممية"), toward(TEXT, "حفتر"), Instance(TEXT)])
    assert vectors.shape == (3, 96) and vectors.dtype == np.float32
    assert np.array_equal(vectors[0, 48:], vectors[1, 48:])
    assert not np.allclose(vectors[0, :48], vectors[1, :48])
    assert np.array_equal(vectors[2, :48], vectors[2, 48:])


def test_target_pooling_agrees_with_the_model_called_by_hand(encoder: TransformerEncoder, tiny_checkpoint: Path) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from pipeline.arabic import arabert

    text = arabert(TEXT)
    tokens = AutoTokenizer.from_pretrained(tiny_checkpoint)(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = tokens.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        states = AutoModel.from_pretrained(tiny_checkpoint).eval()(**tokens).last_hidden_state[0].numpy()
    start = text.index("حفتر")
    inside = [i for i, (a, b) in enumerate(offsets) if a < start + 4 and b > start and b > a]
    expected = np.concatenate([states[inside].mean(0), states[1:-1].mean(0)])
    np.testing.assert_allclose(encoder.encode([toward(TEXT, "حفتر")])[0], expected, atol=1e-5 if "fp32" in encoder.runtime else 0.05)


def test_vectors_have_the_same_bits_in_any_order_subset_and_batch(
    encoder: TransformerEncoder, tiny_checkpoint: Path, store: Path, sample_texts: list[str]
) -> None:
    instances = some_instances(sample_texts)
    whole = encoder.encode(instances)
    order = random.Random(4).sample(range(len(instances)), 80)
    assert np.array_equal(encoder.encode([instances[i] for i in order]), whole[order])
    assert np.array_equal(np.vstack([encoder.encode([instances[i]]) for i in order[:40]]), whole[order[:40]])
    runtime, precision = encoder.runtime.split("-")[0], encoder.runtime.rsplit(":", 1)[1]
    for budget in (64, 300, 9000):
        other = settings(tiny_checkpoint, runtime=runtime, precision=precision, token_budget=budget)
        assert np.array_equal(TransformerEncoder(other, Path("/"), store).encode(instances), whole), budget


def test_every_runtime_is_close_to_full_precision(encoder: TransformerEncoder, exact: TransformerEncoder, sample_texts: list[str]) -> None:
    instances = some_instances(sample_texts)
    left, right = encoder.encode(instances), exact.encode(instances)
    cosines = (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)
    assert cosines.min() >= (1 - 1e-6 if "fp32" in encoder.runtime else 0.999)


def test_runtimes_share_a_fingerprint_but_no_cache_key(encoder: TransformerEncoder, exact: TransformerEncoder) -> None:
    assert encoder.fingerprint == exact.fingerprint
    assert (encoder.cache_key == exact.cache_key) == (encoder.runtime == exact.runtime)


def test_diacritics_and_tatweel_do_not_move_the_vector(encoder: TransformerEncoder) -> None:
    plain, marked = "قصفت قوات حفتر المطار", "قَصَفَت قوات حفتـــر المطار"
    assert np.array_equal(encoder.encode([toward(marked, "حفتـــر")]), encoder.encode([toward(plain, "حفتر")]))


def test_long_sentence_is_read_to_its_end(exact: TransformerEncoder) -> None:
    long = "وصلت القافلة إلى المدينة " * 60
    near, far = f"حفتر {long}", f"{long} حفتر"
    vectors = exact.encode([toward(near, "حفتر"), toward(far, "حفتر")])
    assert np.isfinite(vectors).all() and not np.allclose(vectors[1, :48], vectors[1, 48:], atol=1e-3)


def test_a_mean_over_windows_is_the_mean_of_the_states_that_they_keep(exact: TransformerEncoder) -> None:
    from pipeline.encoders.tokens import tokenize, windows_of, with_special

    text = "قصفت قوات حفتر المطار ونددت البعثة بالقصف " * 12
    (tokens,) = tokenize([text], exact._reader.checkpoint.tokenizer, "arabert")
    kept = []
    for window in windows_of(0, len(tokens.ids), exact._reader.window):
        states = exact._reader.runtime.states(with_special([tokens.ids[window.start : window.end]], exact._reader.checkpoint.tokenizer))[
            0, 1:-1
        ].numpy()
        kept.append(states[window.keep_from - window.start : window.keep_to - window.start])
    assert len(kept) > 2 and sum(map(len, kept)) == len(tokens.ids)
    np.testing.assert_allclose(exact.encode([Instance(text)])[0, :48], np.concatenate(kept).mean(0), atol=1e-5)


def test_texts_without_tokens_and_broken_characters_have_vectors(exact: TransformerEncoder) -> None:
    vectors = exact.encode([Instance(""), Instance(" \u200f"), Instance("قال \ud800 حفتر", (Span(6, 10),)), Instance("😀😀")])
    assert np.isfinite(vectors).all() and not vectors[:2].any() and vectors[2].any()


def test_no_instances_give_no_rows(encoder: TransformerEncoder) -> None:
    assert encoder.encode([]).shape == (0, 96)


def test_ten_articles_more_cost_ten(exact: TransformerEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    encode = exact.encode
    monkeypatch.setattr(exact, "encode", lambda instances: asked.append(len(instances)) or encode(instances))
    corpus = [Instance(f"بيان رقم {n} لقوات حفتر", (Span(16, 20),)) for n in range(510)]
    first = CachedEncoder(exact, VectorCache(tmp_path / FILE)).encode(corpus[:500])
    again = CachedEncoder(exact, VectorCache(tmp_path / FILE)).encode(corpus)
    assert asked == [500, 10] and np.array_equal(again[:500], first) and np.array_equal(again, encode(corpus))


def test_fingerprint_follows_the_weights(tiny_checkpoint: Path, exact: TransformerEncoder, store: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    assert TransformerEncoder(settings(copy, runtime="torch"), Path("/"), store).fingerprint == exact.fingerprint
    from transformers import AutoModel

    model = AutoModel.from_pretrained(copy)
    model.embeddings.word_embeddings.weight.data[5, 0] += 1
    model.save_pretrained(copy)
    assert TransformerEncoder(settings(copy, runtime="torch"), Path("/"), store).fingerprint != exact.fingerprint


def test_the_command_reports_what_is_missing_in_two_lines(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from pipeline.config import load_encoder_settings; from pipeline.encoders import load_encoder\n"
        "load_encoder(load_encoder_settings(Path('configs/encoders/arabert.yaml')), Path(), Path('store'))"
    )
    failed = run(["python", "-c", code], ROOT, code=1)
    assert "encoder: local" in failed.stderr and "encoder: lexical" in failed.stderr
