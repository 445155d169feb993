import numpy as np
import pytest
from safetensors.numpy import save_file
from toy import CLASSES, LABELS, fitted, gold, vectors

from pipeline.errors import WijhaError
from pipeline.fitting import HeadParams, fit_head
from pipeline.heads import load_head, save_head


@pytest.fixture
def path(tmp_path):
    return tmp_path / "stance.safetensors"


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_saved_and_loaded_head_predicts_the_same_bits(path, form):
    labels = LABELS * 2
    actors = ["جيش" if i % 2 else "بعثة" for i in range(72)]
    found = gold(vectors(labels, form), labels, [str(i) for i in range(72)], actors)
    head = fit_head(found, CLASSES, HeadParams(), 0).head
    save_head(head, path)
    loaded = load_head(path)
    new = vectors(labels, form, seed=2)
    assert loaded.classes == CLASSES
    assert set(loaded.of_actor) == {"جيش", "بعثة"}
    assert np.array_equal(loaded.predict(new, actors), head.predict(new, actors))


def test_the_same_fit_gives_the_same_bytes(tmp_path):
    for name in "ab":
        save_head(fitted("sparse"), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_no_vectors_give_no_rows(form):
    assert fitted(form).predict(vectors(LABELS, form)[:0], []).shape == (0, 3)


def test_a_missing_head_names_the_step(path):
    with pytest.raises(WijhaError, match=r"no model .*stance\.safetensors.*dvc repro train"):
        load_head(path)


def test_another_safetensors_file_is_refused(path):
    save_file({"columns": np.arange(3)}, path)
    with pytest.raises(WijhaError, match=r"stance\.safetensors is not a readable model"):
        load_head(path)


def test_weights_of_another_width_are_refused(path):
    head = fitted()
    head.shared.weights.resize((3, 3), refcheck=False)
    save_head(head, path)
    with pytest.raises(WijhaError, match=r"weights of shape \(3, 3\) for 4 columns and 3 classes"):
        load_head(path)


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(path, share):
    save_head(fitted(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WijhaError, match="not a readable model"):
        load_head(path)


def test_a_damaged_file_loads_or_is_refused(path):
    save_head(fitted(), path)
    content = path.read_bytes()
    refused = 0
    for at in range(0, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            load_head(path)
        except WijhaError:
            refused += 1
    assert refused > 10
