"""pipeline/encoders/transformer.py, on a tiny checkpoint in AraBERT's format."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run

from pipeline.config import TransformerSettings
from pipeline.encoders.transformer import TransformerEncoder, _windows
from pipeline.errors import WijhaError
from pipeline.instances import Instance, Span

TEXT = "أشادت البعثة الأممية بالهدنة، بينما قصفت قوات حفتر المطار."


def settings(model: Path | str, **changes: object) -> TransformerSettings:
    return TransformerSettings.model_validate({"kind": "transformer", "model": str(model), **changes})


@pytest.fixture(scope="module")
def encoder(tiny_checkpoint: Path) -> TransformerEncoder:
    return TransformerEncoder(settings(tiny_checkpoint), Path("/"))


def toward(text: str, target: str) -> Instance:
    at = text.index(target)
    return Instance(text, (Span(at, at + len(target)),))


def test_vector_is_target_mean_then_sentence_mean(encoder: TransformerEncoder) -> None:
    vectors = encoder.encode([toward(TEXT, "البعثة الأممية"), toward(TEXT, "حفتر"), Instance(TEXT)])
    assert vectors.shape == (3, 96) and vectors.dtype == np.float32
    assert np.array_equal(vectors[0, 48:], vectors[1, 48:])
    assert not np.allclose(vectors[0, :48], vectors[1, :48])
    assert np.array_equal(vectors[2, :48], vectors[2, 48:])


def test_target_pooling_agrees_with_the_model_called_by_hand(encoder: TransformerEncoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from pipeline.arabic import arabert

    text = arabert(TEXT)
    folder = encoder._settings.model
    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = tokens.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder).eval()(**tokens).last_hidden_state[0].numpy()
    start = text.index("حفتر")
    inside = [i for i, (a, b) in enumerate(offsets) if a < start + 4 and b > start and b > a]
    expected = np.concatenate([states[inside].mean(0), states[1:-1].mean(0)])
    np.testing.assert_allclose(encoder.encode([toward(TEXT, "حفتر")])[0], expected, atol=1e-5)


def test_vectors_do_not_depend_on_the_batch(encoder: TransformerEncoder, sample_texts: list[str]) -> None:
    instances = [Instance(text) for text in sample_texts[:60]]
    whole = encoder.encode(instances)
    np.testing.assert_allclose(encoder.encode(instances[::-1])[::-1], whole, atol=1e-5)
    np.testing.assert_allclose(np.vstack([encoder.encode([i]) for i in instances[:10]]), whole[:10], atol=1e-5)


def test_diacritics_and_tatweel_do_not_move_the_vector(encoder: TransformerEncoder) -> None:
    plain, marked = "قصفت قوات حفتر المطار", "قَصَفَت قوات حفتـــر المطار"
    np.testing.assert_allclose(encoder.encode([toward(marked, "حفتـــر")]), encoder.encode([toward(plain, "حفتر")]), atol=1e-5)


def test_long_sentence_is_read_to_its_end(encoder: TransformerEncoder) -> None:
    long = "وصلت القافلة إلى المدينة " * 60
    near, far = f"حفتر {long}", f"{long} حفتر"
    vectors = encoder.encode([toward(near, "حفتر"), toward(far, "حفتر")])
    assert np.isfinite(vectors).all() and not np.allclose(vectors[1, :48], vectors[1, 48:], atol=1e-3)


@pytest.mark.parametrize("length", [1, 10, 11, 16, 25, 101])
def test_windows_keep_every_token_once(length: int) -> None:
    windows = list(_windows(0, length, 10))
    kept = [i for window in windows for i in range(window.keep_from, window.keep_to)]
    assert kept == list(range(length))
    assert all(w.start <= w.keep_from < w.keep_to <= w.end and w.end - w.start <= 10 for w in windows)


def test_no_instances_give_no_rows(encoder: TransformerEncoder) -> None:
    assert encoder.encode([]).shape == (0, 96)


def test_fingerprint_follows_the_weights(tiny_checkpoint: Path, encoder: TransformerEncoder, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    assert TransformerEncoder(settings(copy), Path("/")).fingerprint == encoder.fingerprint
    from transformers import AutoModel

    model = AutoModel.from_pretrained(copy)
    model.embeddings.word_embeddings.weight.data[5, 0] += 1
    model.save_pretrained(copy)
    assert TransformerEncoder(settings(copy), Path("/")).fingerprint != encoder.fingerprint


def assert_names_the_ways_out(error: pytest.ExceptionInfo[WijhaError], model: str) -> None:
    message = str(error.value)
    assert model in message and "encoder: local" in message and "encoder: lexical" in message


def test_missing_folder_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(WijhaError) as error:
        TransformerEncoder(settings("no/such/folder"), tmp_path)
    assert_names_the_ways_out(error, "no/such/folder")


def test_hub_out_of_reach_names_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(WijhaError) as error:
        TransformerEncoder(settings("aubmindlab/bert-base-arabertv02", revision="main"), tmp_path)
    assert_names_the_ways_out(error, "aubmindlab/bert-base-arabertv02")


@pytest.mark.parametrize("broken", ["model.safetensors", "config.json", "tokenizer.json"])
def test_incomplete_folder_is_an_error(tiny_checkpoint: Path, tmp_path: Path, broken: str) -> None:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    (copy / broken).unlink()
    for name in ("vocab.txt", "tokenizer_config.json") if broken == "tokenizer.json" else ():
        (copy / name).unlink(missing_ok=True)
    with pytest.raises(WijhaError) as error:
        TransformerEncoder(settings(copy), Path("/"))
    assert_names_the_ways_out(error, str(copy))


def test_truncated_weights_are_an_error(tiny_checkpoint: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(WijhaError) as error:
        TransformerEncoder(settings(copy), Path("/"))
    assert_names_the_ways_out(error, str(copy))


def test_weights_of_another_shape_are_refused_not_filled_with_noise(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "layer.1." not in k}, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(WijhaError, match="lacks"):
        TransformerEncoder(settings(copy), Path("/"))


def test_moving_branch_of_the_hub_is_recorded_as_its_commit(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A model in the hub's local cache is loaded as if from the hub; `main` becomes the commit that it stands for."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--aubmindlab--bert-base-arabertv02"
    shutil.copytree(tiny_checkpoint, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    code = (
        "from pathlib import Path; from pipeline.config import load_encoder_settings; from pipeline.encoders import load_encoder; "
        "print(load_encoder(load_encoder_settings(Path('configs/encoders/arabert.yaml')), Path()).fingerprint)"
    )
    printed = run(["python", "-c", code], ROOT, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1").stdout
    assert printed.strip().endswith(f"aubmindlab/bert-base-arabertv02@{commit}")
