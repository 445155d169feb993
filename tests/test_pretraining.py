"""pipeline/pretraining.py, pretraining_base.py, corpus.py and masking.py, and the command: small corpora, a tiny checkpoint."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT, run

from pipeline.actors import ActorSet
from pipeline.cleaning import CleanLimits
from pipeline.config import TransformerSettings
from pipeline.corpus import collect, preprocessed, write_blocks
from pipeline.encoders.checkpoint import Checkpoint, open_checkpoint
from pipeline.encoders.tokens import tokenize
from pipeline.errors import WijhaError
from pipeline.fields import ReadLimits
from pipeline.prepare import Prepared, prepare
from pipeline.pretraining import Pretrained, PretrainParams, pretrain, work_folder
from pipeline.readers import Reject, find_sources, read_sources
from pipeline.trainer import TrainerParams

POSTS = ROOT / "data/raw/sample/posts/posts.jsonl"
QUICK = TrainerParams(epochs=8, learning_rate=5e-3, batch_size=8, patience=9, precision="fp32")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring for a net this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[Prepared | Reject]:
    """The first 220 posts of the sample, and a page that is no article."""
    folder = tmp_path_factory.mktemp("raw")
    lines = POSTS.read_text(encoding="utf-8").splitlines()
    (folder / "posts.jsonl").write_text("\n".join([*lines[:220], lines[0]]), encoding="utf-8")
    (folder / "latin.txt").write_text("Nothing Arabic in here at all. " * 20, encoding="utf-8")
    actors = ActorSet.load(ROOT / "configs/actors/libya.yaml")
    return list(prepare(read_sources(find_sources([folder], folder), ReadLimits()), actors, CleanLimits()))


def params(**changes: Any) -> PretrainParams:
    return PretrainParams.model_validate({"block_tokens": 64, "hold_out": 0.1, "trainer": QUICK, **changes})


def opened(folder: Path) -> Checkpoint:
    return open_checkpoint(TransformerSettings.model_validate({"kind": "transformer", "model": str(folder)}), Path("/"))


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def gone_on(outcomes: list[Prepared | Reject], tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    """Pre-training that goes on from the tiny checkpoint, which has no head for masked tokens."""
    return pretrain(outcomes, 0.7, params(model=str(tiny_checkpoint)), tmp_path_factory.mktemp("on") / "model", Path("/"))


@pytest.fixture(scope="module")
def scratch(outcomes: list[Prepared | Reject], tmp_path_factory: pytest.TempPathFactory) -> Pretrained:
    return pretrain(outcomes, 0.7, params(size="tiny", vocabulary=1200), tmp_path_factory.mktemp("scratch") / "model", Path("/"))


def test_perplexity_of_held_out_articles_falls(gone_on: Pretrained, scratch: Pretrained) -> None:
    for done, vocabulary in ((gone_on, 1500), (scratch, 1200)):
        assert vocabulary / 2 < done.before < vocabulary * 2  # random weights guess about evenly
        assert done.after < 0.85 * done.before


def test_perplexity_is_that_of_the_saved_model_computed_row_by_row(
    gone_on: Pretrained, outcomes: list[Prepared | Reject], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoModelForMaskedLM

    from pipeline.masking import Masking, with_masks

    tokenizer = opened(gone_on.folder).tokenizer
    corpus = collect(outcomes, 0.7, 0.1, 7, tmp_path / "texts.parquet")
    blocks = write_blocks(corpus.texts(True), tokenizer, "arabert", 64, tmp_path / "blocks.arrow")
    model = AutoModelForMaskedLM.from_pretrained(gone_on.folder).eval()
    total, count = 0.0, 0
    for row in with_masks(blocks.dataset(), Masking(tokenizer, 0.15), 7):
        n = sum(label != -100 for label in row["labels"])
        with torch.no_grad():
            total += n * model(input_ids=torch.tensor([row["input_ids"]]), labels=torch.tensor([row["labels"]])).loss.item()
        count += n
    assert math.exp(total / count) == pytest.approx(gone_on.after, rel=1e-4)
    facts = json.loads((gone_on.folder / "pretraining.json").read_text())
    assert facts["perplexity"] == {"before": gone_on.before, "after": gone_on.after}


def test_checkpoint_is_usable_as_a_local_encoder(gone_on: Pretrained, scratch: Pretrained) -> None:
    for done, hidden in ((gone_on, 48), (scratch, 128)):
        checkpoint = opened(done.folder)
        model = checkpoint.load()  # a missing tensor is an error
        assert model.config.hidden_size == hidden and checkpoint.positions == 64 and checkpoint.trained_on == frozenset()
        assert not list(done.folder.parent.glob("*.work")) and not list(done.folder.parent.glob(".*"))


def test_what_was_trained_is_recorded(gone_on: Pretrained, scratch: Pretrained, tiny_checkpoint: Path) -> None:
    facts = json.loads((gone_on.folder / "pretraining.json").read_text())
    assert facts["base"] == {"name": str(tiny_checkpoint), "identity": opened(tiny_checkpoint).identity, "masked_language_head": "new"}
    assert facts["corpus"]["rejects"] == {"not_arabic": 1, "duplicate": 1}
    assert facts["corpus"]["articles"] == 220 and facts["corpus"]["held_out_articles"] == 22
    assert facts["params"]["trainer"]["learning_rate"] == 5e-3
    held_out = [point["value"] for point in facts["curves"] if point["name"] == "eval_loss"]
    assert len(held_out) == 8 and min(held_out) == pytest.approx(math.log(gone_on.after), abs=0.3)
    assert json.loads((scratch.folder / "pretraining.json").read_text())["base"]["name"] == "from scratch: tiny"


def test_weights_have_moved_from_those_of_the_base(gone_on: Pretrained, tiny_checkpoint: Path) -> None:
    before, after = opened(tiny_checkpoint).load().state_dict(), opened(gone_on.folder).load().state_dict()
    name = "encoder.layer.0.attention.self.query.weight"
    assert 1e-4 < (before[name] - after[name]).abs().mean() < 1


def test_equal_seeds_give_equal_files(outcomes: list[Prepared | Reject], scratch: Pretrained, tmp_path: Path) -> None:
    again = pretrain(outcomes, 0.7, params(size="tiny", vocabulary=1200), tmp_path / "model", Path("/"))
    assert files(again.folder) == files(scratch.folder)
    other = pretrain(outcomes, 0.7, params(size="tiny", vocabulary=1200, seed=8), tmp_path / "other", Path("/"))
    assert files(other.folder)["model.safetensors"] != files(scratch.folder)["model.safetensors"]


def test_head_of_the_base_is_gone_on_with(gone_on: Pretrained, outcomes: list[Prepared | Reject], tmp_path: Path) -> None:
    quick = QUICK.model_copy(update={"epochs": 1, "learning_rate": 1e-6})
    done = pretrain(outcomes, 0.7, params(model=str(gone_on.folder), trainer=quick), tmp_path / "model", Path("/"))
    assert done.before == pytest.approx(gone_on.after, rel=1e-5)  # where the first run ended
    assert json.loads((done.folder / "pretraining.json").read_text())["base"]["masked_language_head"] == "loaded"


def test_gold_that_the_base_was_trained_on_stays_known(tiny_checkpoint: Path, outcomes: list[Prepared | Reject], tmp_path: Path) -> None:
    tuned = shutil.copytree(tiny_checkpoint, tmp_path / "tuned")
    (tuned / "wijha.json").write_text(json.dumps({"trained_on": ["0123456789abcdef"]}))
    done = pretrain(outcomes[:60], 0.7, params(model=str(tuned), trainer=QUICK.model_copy(update={"epochs": 1})), tmp_path / "m", Path("/"))
    assert opened(done.folder).trained_on == {"0123456789abcdef"}


# --- the corpus ------------------------------------------------------------------------------------------------------------------


def test_near_copies_are_held_out_together(outcomes: list[Prepared | Reject], tmp_path: Path) -> None:
    from dataclasses import replace

    articles = [item for item in outcomes if isinstance(item, Prepared)][:40]
    copies = [replace(item, article=replace(item.article, article_id=f"copy-{item.article.article_id}")) for item in articles]
    corpus = collect([*articles, *copies], 0.7, 0.2, 3, tmp_path / "texts.parquet")
    assert (corpus.n_articles, corpus.n_clusters) == (80, 40) and len(corpus.held_out) == 16
    assert {name.removeprefix("copy-") for name in corpus.held_out} == {name for name in corpus.held_out if "copy-" not in name}
    sides = [[text for batch in corpus.texts(side) for text in batch] for side in (True, False)]
    assert (len(sides[0]), len(sides[1])) == (16, 64) and not set(sides[0]) & set(sides[1])


def test_blocks_hold_every_token_in_order_and_articles_end(tiny_checkpoint: Path, sample_texts: list[str], tmp_path: Path) -> None:
    tokenizer, texts = opened(tiny_checkpoint).tokenizer, sample_texts[:50]
    blocks = write_blocks([texts[:20], [], texts[20:]], tokenizer, "arabert", 32, tmp_path / "blocks.arrow")
    rows = blocks.dataset()["input_ids"]
    stream: list[int] = []
    for tokens in tokenize(texts, tokenizer, "arabert"):  # as the encoder reads them
        stream += [*tokens.ids, tokenizer.sep_token_id]
    found = [token for row in rows for token in row[1:-1]]
    assert found == stream[: len(found)] and len(stream) - len(found) <= 17
    assert all(row[0] == tokenizer.cls_token_id and row[-1] == tokenizer.sep_token_id for row in rows)
    assert {len(row) for row in rows[:-1]} == {32} and blocks.n_blocks == len(rows) and blocks.n_tokens == len(found)


def test_text_is_preprocessed_as_the_encoder_does(sample_texts: list[str]) -> None:
    from pipeline.arabic import arabert_mapped

    marked = "قَصَفَت قوات حفتـــر المطار 🙂 http://t.co/x"
    for text in [*sample_texts[:30], marked]:
        assert preprocessed(text, "arabert") == arabert_mapped(text).text
        assert preprocessed(text, "arabert-twitter") == arabert_mapped(text, twitter=True).text
        assert preprocessed(text, "none") == text


def test_masks_are_of_the_share_asked_for_and_never_of_special_tokens(tiny_checkpoint: Path) -> None:
    from datasets import Dataset

    from pipeline.masking import Masking, with_masks

    tokenizer = opened(tiny_checkpoint).tokenizer
    rng = np.random.default_rng(0)
    rows = [[tokenizer.cls_token_id, *rng.integers(10, 1000, 30).tolist(), tokenizer.sep_token_id] for _ in range(200)]
    rows.append([tokenizer.cls_token_id, 20, tokenizer.sep_token_id])  # too short for a share of it
    masking = Masking(tokenizer, 0.15)
    fixed = with_masks(Dataset.from_dict({"input_ids": rows}), masking, 5)
    labels = [np.array(row) for row in fixed["labels"]]
    assert np.mean([(row[1:-1] != -100).mean() for row in labels[:-1]]) == pytest.approx(0.15, abs=0.02)
    assert all(row[0] == row[-1] == -100 and (row != -100).any() for row in labels)
    assert fixed[:] == with_masks(Dataset.from_dict({"input_ids": rows}), masking, 5)[:]
    batch = masking([fixed[0], fixed[200]])
    assert batch["attention_mask"].tolist()[1] == [1] * 3 + [0] * 29 and set(batch["labels"][1, 3:].tolist()) == {-100}


# --- what goes wrong -------------------------------------------------------------------------------------------------------------


def test_output_that_is_there_is_not_overwritten(outcomes: list[Prepared | Reject], tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model/thesis.txt").write_text("mine")
    with pytest.raises(WijhaError, match="is there already, and not empty"):
        pretrain(outcomes, 0.7, params(size="tiny"), tmp_path / "model", Path("/"), resume=True)
    assert (tmp_path / "model/thesis.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("changes", "n", "message"),
    [
        ({"size": "huge"}, 50, "no size 'huge'; there are: tiny, mini"),
        ({}, 50, "name one of them"),
        ({"size": "tiny", "model": "x"}, 50, "name one of them"),
        ({"size": "tiny"}, 0, "there are 0"),
        ({"size": "tiny"}, 1, "there are 1"),
        ({"size": "tiny", "block_tokens": 512}, 5, "too few tokens for one block of 512"),
        ({"model": "no/such/folder"}, 50, "no/such/folder cannot be had"),
        ({"model": "TINY", "block_tokens": 128}, 50, "block_tokens 128; .* reads 64 tokens at most"),
    ],
)
def test_bad_request_is_a_clear_error_and_leaves_nothing(
    outcomes: list[Prepared | Reject], tiny_checkpoint: Path, tmp_path: Path, changes: dict[str, Any], n: int, message: str
) -> None:
    if changes.get("model") == "TINY":
        changes = {**changes, "model": str(tiny_checkpoint)}
    few = [item for item in outcomes if isinstance(item, Prepared)][:n]
    with pytest.raises(WijhaError, match=message):
        pretrain(few, 0.7, params(**changes), tmp_path / "model", tmp_path)
    assert not list(tmp_path.iterdir())


def test_work_of_an_unfinished_run_is_neither_overwritten_nor_mixed(outcomes: list[Prepared | Reject], tmp_path: Path) -> None:
    asked, work = params(size="tiny", vocabulary=1200), work_folder(tmp_path / "model")
    work.mkdir()
    digest = collect(outcomes, 0.7, 0.1, 7, tmp_path / "texts.parquet").digest
    (work / "request.json").write_text(json.dumps({**asked.model_dump(mode="json"), "articles": digest}))
    with pytest.raises(WijhaError, match="unfinished run; go on with it"):
        pretrain(outcomes, 0.7, asked, tmp_path / "model", Path("/"))
    with pytest.raises(WijhaError, match=r"another run \(other seed\)"):
        pretrain(outcomes, 0.7, asked.model_copy(update={"seed": 9}), tmp_path / "model", Path("/"), resume=True)
    with pytest.raises(WijhaError, match=r"another run \(other articles\)"):
        pretrain(outcomes[:100], 0.7, asked, tmp_path / "model", Path("/"), resume=True)
    assert (work / "request.json").is_file() and not (tmp_path / "model").exists()


def test_checkpoint_without_a_mask_token_is_refused(outcomes: list[Prepared | Reject], tiny_checkpoint: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    config = json.loads((copy / "tokenizer_config.json").read_text())
    (copy / "tokenizer_config.json").write_text(json.dumps({**config, "tokenizer_class": "PreTrainedTokenizerFast", "mask_token": None}))
    assert opened(copy).tokenizer.mask_token_id is None
    with pytest.raises(WijhaError, match="no mask token"):
        pretrain(outcomes[:60], 0.7, params(model=str(copy)), tmp_path / "model", Path("/"))


# --- the command -----------------------------------------------------------------------------------------------------------------

SMALL = ["--from-scratch", "tiny", "--vocab", "1000", "--block-tokens", "64", "--batch-size", "16", "--hold-out", "0.1"]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    lines = POSTS.read_text(encoding="utf-8").splitlines()
    (folder / "posts.jsonl").write_text("\n".join(lines[:150]), encoding="utf-8")
    return folder


def test_command_pretrains_and_says_what_came_out(tmp_path: Path) -> None:
    arguments = [
        "wijha",
        "pretrain",
        str(ROOT / "data/raw/sample/feeds"),
        str(POSTS),
        "-o",
        str(tmp_path / "model"),
        *SMALL,
        "--epochs",
        "1",
    ]
    done = run(arguments, ROOT, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    assert "articles held out" in done.stdout and "perplexity of a held-out masked token" in done.stdout
    assert "held-out loss" in done.stderr and "Loading weights" not in done.stderr
    assert opened(tmp_path / "model").load().config.num_hidden_layers == 2
    again = run(arguments, ROOT, code=2, PYTHONPATH=str(ROOT))
    assert again.stderr.startswith("wijha: ") and "not empty" in again.stderr


def test_command_killed_goes_on_to_the_same_files(raw: Path, tmp_path: Path) -> None:
    def command(output: Path, *more: str) -> list[str]:
        return ["wijha", "pretrain", str(raw), "-o", str(output), *SMALL, "--epochs", "4", "-q", *more]

    run(command(tmp_path / "whole"), ROOT, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    output = tmp_path / "killed"
    work = work_folder(output)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-m", "pipeline", *command(output)[1:]]
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE) as child:
        while not list(work.glob("checkpoint-*")):
            assert child.poll() is None, child.stderr and child.stderr.read().decode()
            time.sleep(0.001)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    assert not output.exists() and work.is_dir()
    run(command(output, "--resume"), ROOT, OMP_NUM_THREADS="1", PYTHONPATH=str(ROOT))
    assert files(output) == files(tmp_path / "whole") and not work.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/no/such", "--from-scratch", "tiny"], "no such file or folder"),
        ([str(POSTS)], "name one of them"),
        ([str(POSTS), "--from-scratch", "tiny", "--precision", "half"], "precision"),
        ([str(POSTS), "--model", "no/such/model"], "cannot be had"),
    ],
)
def test_command_names_what_is_wrong(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = run(["wijha", "pretrain", *arguments, "-o", str(tmp_path / "model")], ROOT, code=2, PYTHONPATH=str(ROOT))
    assert message in done.stderr and "Traceback" not in done.stderr and not list(tmp_path.iterdir())


def test_without_torch_the_command_says_what_to_install(tmp_path: Path) -> None:
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "datasets", "accelerate", "tokenizers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import pipeline.finetuning, pipeline.pretraining, pipeline.trainer
from pipeline.cli import app
app()
"""
    arguments = [sys.executable, "-c", code, "pretrain", str(ROOT / "data/raw/sample/feeds"), "-o", str(tmp_path / "model")]
    for more in (["--from-scratch", "tiny"], ["--model", str(tmp_path)]):
        done = run([*arguments, *more], ROOT, code=2, PYTHONPATH=str(ROOT))
        assert "not installed: pip install" in done.stderr and "Traceback" not in done.stderr
