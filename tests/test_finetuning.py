"""pipeline/finetuning.py, labelled.py and multitask.py: a tiny checkpoint learns whose side a verb takes."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT
from scipy.special import log_softmax, softmax

from pipeline.config import TransformerSettings
from pipeline.encoders.checkpoint import Checkpoint, open_checkpoint, text_digest
from pipeline.encoders.transformer import TransformerEncoder
from pipeline.errors import WijhaError
from pipeline.finetuning import FineTuned, FinetuneParams, class_weights, fine_tune, measure, vectors_of
from pipeline.instances import Instance, Span
from pipeline.labelled import KINDS, LabelledText, codes_of, dataset_of, labelled_from, part_rows, window_start
from pipeline.trainer import TrainerParams

ACTORS = {"lna": "الجيش الوطني", "un": "البعثة الأممية", "gnu": "حكومة الدبيبة", "militias": "الميليشيات"}
VERBS = {"favor": ["أشاد بها", "دافع عن"], "against": ["هاجم", "أدان"], "neutral": ["التقى", "ذكر"]}
TONES = {"favor": "positive", "against": "negative", "neutral": "neutral"}
PLACES = ["في طرابلس", "في بنغازي", "في سبها", "مساء أمس", "صباح اليوم", "خلال الاجتماع"]

QUICK = TrainerParams(epochs=15, learning_rate=3e-3, batch_size=16, patience=30, precision="fp32")
PARAMS = FinetuneParams(trainer=QUICK, dropout=0.1, validation_share=0.2)


def settings(folder: Path) -> TransformerSettings:
    return TransformerSettings.model_validate({"kind": "transformer", "model": str(folder), "runtime": "torch", "precision": "fp32"})


def opened(folder: Path) -> Checkpoint:
    return open_checkpoint(settings(folder), Path("/"))


def encoder_of(folder: Path, tmp_path: Path) -> Any:
    return TransformerEncoder(settings(folder), Path("/"), tmp_path / "store")


def labelled(text: str, actor: str, stance: str, group: str) -> LabelledText:
    at = text.index(ACTORS[actor])
    return LabelledText(text, (Span(at, at + len(ACTORS[actor])),), actor, stance, TONES[stance], group)


def toy_rows() -> list[LabelledText]:
    """Sentences with two targets, of which each has a verb of its own and so a side of its own."""
    rows = []
    choices = itertools.product(itertools.permutations(ACTORS, 2), itertools.permutations(VERBS, 2), range(2))
    for number, ((first, second), (one, other), which) in enumerate(choices):
        place = PLACES[number % len(PLACES)]
        text = f"{VERBS[one][which]} {ACTORS[first]} {place} و{VERBS[other][1 - which]} {ACTORS[second]}"
        rows += [labelled(text, first, one, f"g{number}"), labelled(text, second, other, f"g{number}")]
    return rows


ROWS = toy_rows()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring for a net this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tuned(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> FineTuned:
    """A fine-tuning on three quarters of the toy sentences."""
    groups = sorted({row.group for row in ROWS})
    held_out = set(np.random.default_rng(0).choice(groups, len(groups) // 4, replace=False))
    rows = [row for row in ROWS if row.group not in held_out]
    return fine_tune(opened(tiny_checkpoint), "arabert", rows, PARAMS, 3, tmp_path_factory.mktemp("tuned") / "work")


@pytest.fixture(scope="module")
def held_out(tuned: FineTuned) -> list[LabelledText]:
    return [row for row in ROWS if text_digest(row.text) not in tuned.trained_on]


def test_heads_are_not_sure_without_end(tuned: FineTuned) -> None:
    """A validation part without a single error would be likeliest under a temperature of 0."""
    assert tuned.trained.best == 1 and tuned.stance.temperature == 0.5


def test_held_out_sentences_are_read_right(tuned: FineTuned, held_out: list[LabelledText]) -> None:
    assert len(held_out) > 60
    stance, sentiment = tuned.predict(held_out)
    assert (stance.argmax(1) == codes_of(held_out, "stance")).mean() > 0.9
    assert stance.shape == sentiment.shape == (len(held_out), 3)


def test_two_targets_of_one_sentence_are_told_apart(tuned: FineTuned, held_out: list[LabelledText]) -> None:
    pairs = [(a, b) for a, b in itertools.combinations(held_out, 2) if a.text == b.text]
    assert len(pairs) > 15
    right = [(tuned.predict(list(pair))[0].argmax(1) == codes_of(pair, "stance")).all() for pair in pairs]
    assert np.mean(right) > 0.85


def test_saved_encoder_and_heads_give_the_probabilities_of_the_module(
    tuned: FineTuned, held_out: list[LabelledText], tmp_path: Path
) -> None:
    import torch

    from pipeline.multitask import Collator

    tuned.save_encoder(tmp_path / "encoder")
    vectors = encoder_of(tmp_path / "encoder", tmp_path).encode([Instance(row.text, row.spans) for row in held_out])
    dataset = dataset_of(held_out, tuned.checkpoint.tokenizer, "arabert", 64)
    with torch.no_grad():
        scores = tuned.module(**Collator(0)(list(dataset)))
    for kind, head in (("stance", tuned.stance), ("sentiment", tuned.sentiment)):
        expected = softmax(scores[kind].numpy() / head.temperature, axis=1)
        np.testing.assert_allclose(head.predict(vectors, [row.actor for row in held_out]), expected, atol=1e-4)
        assert head.classes == tuple(KINDS[kind]) and head.actors == tuple(sorted(ACTORS))


def test_vectors_are_those_of_the_encoder_for_long_texts_and_lost_targets_too(tiny_checkpoint: Path, tmp_path: Path) -> None:
    long = "وصلت القافلة إلى المدينة " * 40
    texts = [f"هاجم حفتر {long}", f"{long} وهاجم حفتر", f"حفتر {long} حفتر", "هاجم حفتر", "", "هاجم حفتر"]
    spans: list[tuple[Span, ...]] = [tuple(Span(i, i + 4) for i in range(len(t)) if t.startswith("حفتر", i)) for t in texts]
    spans[-1] = ()
    rows = [LabelledText(t, s, "lna", "neutral", "neutral", "g") for t, s in zip(texts, spans, strict=True)]
    checkpoint = opened(tiny_checkpoint)
    expected = encoder_of(tiny_checkpoint, tmp_path).encode([Instance(row.text, row.spans) for row in rows])
    np.testing.assert_allclose(vectors_of(checkpoint.load(), checkpoint, rows, "arabert"), expected, atol=1e-5)


def test_saved_folder_is_a_checkpoint_that_says_what_it_was_trained_on(tuned: FineTuned, tiny_checkpoint: Path, tmp_path: Path) -> None:
    tuned.save_encoder(tmp_path / "encoder")
    saved = opened(tmp_path / "encoder")
    assert saved.trained_on == tuned.trained_on
    facts = json.loads((tmp_path / "encoder/wijha.json").read_text())
    assert facts["base"] == opened(tiny_checkpoint).identity and facts["trained_on"] == sorted(facts["trained_on"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["encoder"]
    again = replace(tuned, checkpoint=saved, trained_on=frozenset())
    again.save_encoder(tmp_path / "encoder")  # takes the place of the older one
    assert opened(tmp_path / "encoder").trained_on == frozenset()


def test_what_the_base_was_trained_on_stays_known(tuned: FineTuned, tmp_path: Path) -> None:
    tuned.save_encoder(tmp_path / "encoder")
    quick = PARAMS.model_copy(update={"trainer": QUICK.model_copy(update={"epochs": 1})})
    rows = [replace(row, text=row.text + " أيضا") for row in ROWS]
    second = fine_tune(opened(tmp_path / "encoder"), "arabert", rows, quick, 3, tmp_path / "work")
    assert tuned.trained_on < second.trained_on


def test_equal_seeds_give_equal_files(tiny_checkpoint: Path, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"trainer": QUICK.model_copy(update={"epochs": 2})})
    saved = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done = fine_tune(opened(tiny_checkpoint), "arabert", ROWS, params, seed, tmp_path / f"work-{name}")
        done.save_encoder(tmp_path / name)
        saved.append({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()})
    assert saved[0] == saved[1] and saved[0]["model.safetensors"] != saved[2]["model.safetensors"]


def test_fine_tuning_that_was_done_is_loaded(tiny_checkpoint: Path, tmp_path: Path) -> None:
    params = PARAMS.model_copy(update={"trainer": QUICK.model_copy(update={"epochs": 1})})
    first, second = (fine_tune(opened(tiny_checkpoint), "arabert", ROWS, params, 1, tmp_path / "work") for _ in range(2))
    np.testing.assert_array_equal(first.predict(ROWS[:9])[0], second.predict(ROWS[:9])[0])
    assert first.trained == second.trained
    changed = fine_tune(opened(tiny_checkpoint), "arabert", ROWS[:-12], params, 1, tmp_path / "work")
    assert changed.trained != first.trained


KILLED = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
import test_finetuning as t
import torch
torch.set_num_threads(1)
t.fine_tune(t.opened(Path(sys.argv[1])), "arabert", t.ROWS, t.PARAMS, 4, Path(sys.argv[2]))
"""


def test_killed_fine_tuning_ends_as_an_undisturbed_one(tiny_checkpoint: Path, tmp_path: Path) -> None:
    undisturbed = fine_tune(opened(tiny_checkpoint), "arabert", ROWS, PARAMS, 4, tmp_path / "whole")
    work = tmp_path / "killed"
    code = KILLED.format(tests=str(ROOT / "tests"), root=str(ROOT))
    with subprocess.Popen([sys.executable, "-c", code, str(tiny_checkpoint), str(work)], stderr=subprocess.PIPE) as child:
        while not list(work.glob("checkpoint-*/trainer_state.json")):
            assert child.poll() is None, child.stderr and child.stderr.read().decode()
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    done = fine_tune(opened(tiny_checkpoint), "arabert", ROWS, PARAMS, 4, work)
    assert done.trained.resumed_from and not undisturbed.trained.resumed_from
    assert replace(done.trained, resumed_from=None) == undisturbed.trained
    for one, other in zip(done.predict(ROWS), undisturbed.predict(ROWS), strict=True):
        np.testing.assert_array_equal(one, other)


# --- the loss --------------------------------------------------------------------------------------------------------------------


def module_of(folder: Path, weights: Any, sentiment_weight: float = 0.3) -> Any:
    import torch

    from pipeline.multitask import Multitask

    encoder = opened(folder).load()
    encoder.pooler = None
    return Multitask(encoder, 0.1, weights, sentiment_weight, torch.Generator().manual_seed(1))


def batch_of(folder: Path, rows: list[LabelledText]) -> Any:
    from pipeline.multitask import Collator

    return Collator(0)(list(dataset_of(rows, opened(folder).tokenizer, "arabert", 64)))


def test_loss_is_the_weighted_one_computed_by_hand(tiny_checkpoint: Path) -> None:
    import torch

    rows = [row for row in ROWS if row.stance != "favor"][:9] + [row for row in ROWS if row.stance == "favor"][:2]
    weights = [class_weights(codes_of(rows, kind), 3) for kind in KINDS]
    batch = batch_of(tiny_checkpoint, rows)
    losses = []
    for given in (weights, [np.ones(3)] * 2):
        with torch.no_grad():
            found = module_of(tiny_checkpoint, given).eval()(**batch)
        by_hand = 0.0
        for kind, weight, factor in zip(KINDS, given, (1, 0.3), strict=True):
            truth = codes_of(rows, kind)
            by_hand -= factor * (log_softmax(found[kind].numpy(), 1)[np.arange(len(rows)), truth] * weight[truth]).mean()
        assert found["loss"].item() == pytest.approx(by_hand, abs=1e-5)
        losses.append(found["loss"].item())
    assert abs(losses[0] - losses[1]) > 1e-4


def test_class_weights_are_inverse_frequencies() -> None:
    weights = class_weights(np.array([0] * 6 + [1] * 3 + [2]), 3)
    np.testing.assert_allclose(weights, [10 / 18, 10 / 9, 10 / 3])
    assert weights[[0] * 6 + [1] * 3 + [2]].mean() == pytest.approx(1)


def test_class_weights_help_the_rare_class(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """Where words tell nothing, an unweighted head names the frequent class, and a weighted one does not."""
    rng = np.random.default_rng(0)
    names = rng.choice(["neutral"] * 8 + ["favor", "against"], 120)
    rows = [labelled(f"التقى {ACTORS['un']} {PLACES[i % 6]}", "un", name, f"g{i}") for i, name in enumerate(names)]
    shares = {}
    for weighted in (True, False):
        params = PARAMS.model_copy(update={"class_weights": weighted, "trainer": QUICK.model_copy(update={"epochs": 3})})
        stance, _ = fine_tune(opened(tiny_checkpoint), "arabert", rows, params, 1, tmp_path / str(weighted)).predict(rows)
        shares[weighted] = softmax(stance, axis=1)[:, 1].mean()
    assert shares[False] > 0.6 and shares[True] < 0.5


def test_padding_does_not_move_the_scores(tiny_checkpoint: Path) -> None:
    import torch

    module = module_of(tiny_checkpoint, [[1.0] * 3] * 2).eval()
    long = replace(ROWS[0], text=ROWS[0].text + " خلال الاجتماع في طرابلس مساء أمس")
    with torch.no_grad():
        alone, beside = (module(**batch_of(tiny_checkpoint, rows))["stance"][0] for rows in ([ROWS[0]], [ROWS[0], long]))
    torch.testing.assert_close(alone, beside, atol=1e-5, rtol=0)


def test_gradient_checkpointing_computes_twice_and_gives_the_same_gradients(tiny_checkpoint: Path) -> None:
    import torch

    batch = batch_of(tiny_checkpoint, ROWS[:6])
    found = []
    for again in (False, True):
        module = module_of(tiny_checkpoint, [[1.0] * 3] * 2).train()
        if again:
            module.activation_checkpointing_enable()
        calls: list[int] = []
        module.encoder.encoder.layer[0].intermediate.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        torch.manual_seed(0)
        loss = module(**batch)["loss"]
        loss.backward()
        found.append((loss.item(), module.encoder.embeddings.word_embeddings.weight.grad.clone(), len(calls)))
    assert found[0][0] == found[1][0] and (found[0][2], found[1][2]) == (1, 2)
    torch.testing.assert_close(found[0][1], found[1][1])


def test_training_with_gradient_checkpointing_ends_alike(tiny_checkpoint: Path, tmp_path: Path) -> None:
    scores = []
    for again in (False, True):
        trainer = QUICK.model_copy(update={"epochs": 2, "gradient_checkpointing": again})
        params = PARAMS.model_copy(update={"trainer": trainer})
        scores.append(fine_tune(opened(tiny_checkpoint), "arabert", ROWS, params, 1, tmp_path / str(again)).predict(ROWS[:20])[0])
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


# --- rows ------------------------------------------------------------------------------------------------------------------------


def test_rows_of_the_gold_table_become_labelled_texts() -> None:
    span = {"start": 5, "end": 9, "tone": "plain"}
    row = {
        "text": "هاجم حفتر",
        "spans": [span],
        "other_spans": [],
        "actor": "lna",
        "stance": "against",
        "sentiment": "negative",
        "group": "g",
    }
    assert labelled_from([row]) == [LabelledText("هاجم حفتر", (Span(5, 9),), "lna", "against", "negative", "g")]


def test_no_group_is_parted_and_both_parts_have_every_class() -> None:
    inside, outside = part_rows(ROWS, 0.15, 4)
    assert sorted([*inside, *outside]) == list(range(len(ROWS)))
    assert not {ROWS[i].group for i in inside} & {ROWS[i].group for i in outside}
    assert len(outside) / len(ROWS) == pytest.approx(0.15, abs=0.03)
    for kind in KINDS:
        assert set(codes_of([ROWS[i] for i in outside], kind)) == {0, 1, 2}


def test_too_few_labels_are_an_error_that_counts_them(tiny_checkpoint: Path, tmp_path: Path) -> None:
    rows = [row for row in ROWS if row.stance != "favor"] + [row for row in ROWS if row.stance == "favor"][:1]
    with pytest.raises(WijhaError, match=r"stance favor: \d to train on, \d to validate on.*several articles"):
        fine_tune(opened(tiny_checkpoint), "arabert", rows, PARAMS, 1, tmp_path / "work")
    with pytest.raises(WijhaError, match="there are 1"):
        fine_tune(opened(tiny_checkpoint), "arabert", [replace(row, group="one") for row in ROWS], PARAMS, 1, tmp_path / "work")


def test_target_of_a_long_text_is_never_cut_off(tiny_checkpoint: Path) -> None:
    tokenizer = opened(tiny_checkpoint).tokenizer
    long = "وصلت القافلة إلى المدينة " * 30
    row = labelled(f"{long} هاجم {ACTORS['lna']} {long}", "lna", "against", "g")
    (found,) = dataset_of([row], tokenizer, "arabert", 32)
    assert len(found["input_ids"]) == 32
    read = tokenizer.decode([found["input_ids"][i] for i in found["target"]])
    assert read.replace(" ", "") == ACTORS["lna"].replace(" ", "")
    assert found["input_ids"][0] == tokenizer.cls_token_id and found["input_ids"][-1] == tokenizer.sep_token_id


@pytest.mark.parametrize(
    ("length", "target", "expected"),
    [(10, [3], 0), (100, [], 0), (100, [50, 51], 40), (100, [2], 0), (100, [99], 80), (100, [10, 90], 0), (100, [30, 90], 20)],
)
def test_window_has_the_target_in_its_middle(length: int, target: list[int], expected: int) -> None:
    assert window_start(length, target, 20) == expected


def test_measure_is_the_macro_f1_of_stance() -> None:
    from sklearn.metrics import f1_score

    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 3, (40, 2)), (rng.normal(size=(40, 3)), rng.normal(size=(40, 3)))
    found = measure(scores, truth)
    assert found["macro_f1"] == pytest.approx(f1_score(truth[:, 0], scores[0].argmax(1), average="macro"))
    assert found["sentiment_macro_f1"] == pytest.approx(f1_score(truth[:, 1], scores[1].argmax(1), average="macro"))
