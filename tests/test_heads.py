import numpy as np
import pytest
import skops.io
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import sparse

from pipeline.errors import WijhaError
from pipeline.heads import HeadParams, fit_head, fit_temperature, grouped_folds, load_head, save_head

CLASSES = ("against", "neutral", "favor")
LABELS = [CLASSES[i % 3] for i in range(36)]
GROUPS = [f"مقال-{i // 3}" for i in range(36)]


class Foreign:
    """A class that no head holds."""

    def __init__(self):
        self.text = "غريب"


def toy(labels, form, seed=0):
    """Return vectors whose class can be read from one column each; the last column says nothing."""
    rng = np.random.default_rng(seed)
    vectors = rng.random((len(labels), 4), dtype=np.float32) * 0.5
    vectors[np.arange(len(labels)), [CLASSES.index(label) for label in labels]] += 3
    return sparse.csr_matrix(vectors) if form == "sparse" else vectors


def fitted(form="dense", seed=0):
    return fit_head(toy(LABELS, form), LABELS, GROUPS, CLASSES, HeadParams(), seed)


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_separable_problem_is_learnt(form):
    probabilities = fitted(form).predict(toy(LABELS, form, seed=1))
    assert probabilities.shape == (36, 3)
    assert [CLASSES[i] for i in probabilities.argmax(1)] == LABELS
    assert probabilities.sum(1) == pytest.approx(np.ones(36))


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_no_vectors_give_no_rows(form):
    assert fitted(form).predict(toy(LABELS, form)[:0]).shape == (0, 3)


def test_columns_that_one_row_uses_are_not_read():
    vectors = np.hstack([toy(LABELS, "dense"), np.eye(36, 3, dtype=np.float32)])
    head = fit_head(sparse.csr_matrix(vectors), LABELS, GROUPS, CLASSES, HeadParams(), 0)
    assert head.columns.tolist() == [0, 1, 2, 3]


def test_more_strength_makes_a_noisy_head_surer_of_its_own_rows():
    vectors = np.random.default_rng(0).normal(size=(36, 8)).astype(np.float32)
    weak, strong = (fit_head(vectors, LABELS, GROUPS, CLASSES, HeadParams(strength=s), 0).model for s in (1e-3, 1e3))
    sizes = [np.abs(m[-1].coef_).max() for m in (weak, strong)]
    assert sizes[0] < sizes[1] / 10


@pytest.mark.parametrize("form", ["dense", "sparse"])
def test_a_saved_and_loaded_head_predicts_the_same_bits(tmp_path, form):
    head = fitted(form)
    save_head(head, tmp_path / "stance.skops")
    loaded = load_head(tmp_path / "stance.skops")
    vectors = toy(LABELS, form, seed=2)
    assert loaded.classes == CLASSES
    assert np.array_equal(loaded.predict(vectors), head.predict(vectors))


def test_the_same_fit_gives_the_same_bytes(tmp_path):
    kept = [fitted("sparse"), fitted("sparse")]  # both alive, so that no address is used twice
    for name, head in zip("ab", kept, strict=True):
        save_head(head, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_too_few_labels_of_a_class_are_named():
    labels = ["favor"] * 20 + ["against"] * 13 + ["neutral"] * 3
    with pytest.raises(WijhaError, match=r"too few gold labels of neutral \(3\).*at least 6"):
        fit_head(toy(labels, "dense"), labels, [str(i) for i in range(36)], CLASSES, HeadParams(), 0)


def test_too_few_groups_are_named():
    groups = [f"مقال-{i % 3}" for i in range(36)]
    with pytest.raises(WijhaError, match=r"5 folds need .*there are 3"):
        fit_head(toy(LABELS, "dense"), LABELS, groups, CLASSES, HeadParams(), 0)


def test_a_class_of_one_article_alone_is_named():
    groups = ["مقال-0" if label == "neutral" else f"مقال-{i}" for i, label in enumerate(LABELS)]
    with pytest.raises(WijhaError, match="neutral"):
        fit_head(toy(LABELS, "dense"), LABELS, groups, CLASSES, HeadParams(), 0)


@pytest.mark.filterwarnings("ignore:The least populated class")
@given(st.lists(st.tuples(st.sampled_from(["favor", "against"]), st.integers(0, 9)), min_size=12, max_size=40), st.integers(0, 99))
def test_folds_part_no_group_and_cover_every_row_once(pairs, seed):
    labels, groups = [label for label, _ in pairs], [f"مقال-{number}" for _, number in pairs]
    assume(len(set(groups)) >= 3)
    folds = grouped_folds(labels, groups, 3, seed)
    for inside, outside in folds:
        assert not {groups[i] for i in inside} & {groups[i] for i in outside}
        assert sorted([*inside, *outside]) == list(range(len(pairs)))
    assert sorted(i for _, outside in folds for i in outside) == list(range(len(pairs)))


def test_an_untrusted_file_is_refused(tmp_path):
    path = tmp_path / "stance.skops"
    skops.io.dump({"model": Foreign(), "columns": np.arange(3), "classes": list(CLASSES)}, path)
    with pytest.raises(WijhaError, match=r"not trusted: .*Foreign"):
        load_head(path)


def test_a_missing_head_names_the_step(tmp_path):
    with pytest.raises(WijhaError, match=r"no model .*stance\.skops.*dvc repro train"):
        load_head(tmp_path / "stance.skops")


def test_another_skops_file_is_refused(tmp_path):
    skops.io.dump({"columns": np.arange(3)}, tmp_path / "other.skops")
    with pytest.raises(WijhaError, match=r"other\.skops is not a readable model"):
        load_head(tmp_path / "other.skops")


@pytest.mark.parametrize("share", [0, 0.2, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "stance.skops"
    save_head(fitted(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(WijhaError, match="not a readable model"):
        load_head(path)


def test_a_damaged_file_loads_or_is_refused(tmp_path):
    path = tmp_path / "stance.skops"
    save_head(fitted(), path)
    content = path.read_bytes()
    refused = 0
    for at in range(0, len(content), 41):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :])
        try:
            load_head(path)
        except WijhaError:
            refused += 1
    assert refused > 10


def test_probabilities_are_as_sure_as_they_are_right():
    """Calibrated on noise that no feature explains, the head's confidence must be near the share of right answers."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 600)
    shown = np.where(rng.random(600) < 0.6, truth, rng.integers(0, 3, 600))
    vectors = (np.eye(3, dtype=np.float32)[shown] + rng.normal(0, 0.1, (600, 3))).astype(np.float32)
    labels, groups = [CLASSES[i] for i in truth], [str(i) for i in range(600)]
    head = fit_head(vectors[:400], labels[:400], groups[:400], CLASSES, HeadParams(), 0)
    found = head.predict(vectors[400:])
    assert abs(found.max(1).mean() - (found.argmax(1) == truth[400:]).mean()) < 0.08


def test_temperature_of_inflated_scores_undoes_the_inflation():
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 1.5, (4000, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(3, p=row) for row in chances])
    assert abs(fit_temperature(logits * 4, truth) - 4) < 0.4
