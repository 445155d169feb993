"""Fixtures: a tiny checkpoint in AraBERT's format, and a small project that the whole pipeline runs on."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
sys.path.insert(0, str(ROOT))  # for `experiments`
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", MLFLOW_DISABLE_TELEMETRY="true", DVC_NO_ANALYTICS="1")


def run(arguments: Sequence[str], cwd: Path, code: int | None = 0, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment as a user would; any other exit code than `code` fails the test."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **extra}
    environment.pop("MLFLOW_TRACKING_URI", None)
    done = subprocess.run(list(arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=900)
    assert code is None or done.returncode == code, f"{arguments} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def sample_texts() -> list[str]:
    """Arabic texts of the sample corpus, for training a tokenizer."""
    lines = (ROOT / "data/raw/sample/posts/posts.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory, sample_texts: list[str]) -> Path:
    """A BERT of two small layers with random weights and a WordPiece vocabulary, saved as AraBERT is."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from pipeline.arabic import arabert

    folder = tmp_path_factory.mktemp("checkpoint")
    pieces = BertWordPieceTokenizer(lowercase=False, strip_accents=False, clean_text=False)
    pieces.train_from_iterator([arabert(text) for text in sample_texts], vocab_size=1500, show_progress=False)
    pieces.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=False, strip_accents=False).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=pieces.get_vocab_size(),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def blank_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository as git has it, without anything that the pipeline made, committed in a repository of its own."""
    folder = tmp_path_factory.mktemp("project") / "wijha"
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    run(["git", "init", "-q"], folder)
    run(["git", "add", "-A"], folder)
    run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "copy"], folder)
    return folder


@pytest.fixture(scope="session")
def project(blank_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project on which `dvc repro` has run once."""
    folder = shutil.copytree(blank_project, tmp_path_factory.mktemp("reproduced") / "wijha")
    run(["dvc", "repro"], folder)
    return folder
