"""pipeline/encoders/checkpoint.py and conversion.py: what is wrong with a checkpoint is said before anything is run with it."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, run

from pipeline.config import TransformerSettings
from pipeline.encoders.checkpoint import TRAINED_ON, Checkpoint, digest_of, open_checkpoint, text_digest
from pipeline.encoders.conversion import convert
from pipeline.errors import WijhaError


def opened(model: Path | str, root: Path = Path("/"), revision: str | None = None) -> Checkpoint:
    return open_checkpoint(TransformerSettings(kind="transformer", model=str(model), revision=revision), root)


def refused(model: Path | str, *parts: str, root: Path = Path("/"), revision: str | None = None) -> None:
    """Loading must fail with an error that names the model, the two ways out and what is wrong with it."""
    with pytest.raises(WijhaError) as error:
        opened(model, root, revision).load()
    for part in (str(model), "encoder: local", "encoder: lexical", *parts):
        assert part in str(error.value)


@pytest.fixture
def copy(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_checkpoint, tmp_path / "copy")


def edit(path: Path, change: Callable[[dict], None]) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_a_whole_checkpoint_opens_and_loads(tiny_checkpoint: Path) -> None:
    checkpoint = opened(tiny_checkpoint)
    assert checkpoint.positions == 64 and checkpoint.identity == digest_of(tiny_checkpoint) and not checkpoint.trained_on
    assert not checkpoint.load().training


def test_a_fine_tuned_checkpoint_says_what_it_was_trained_on(copy: Path) -> None:
    (copy / TRAINED_ON).write_text(json.dumps({"trained_on": [text_digest("قصفت قوات حفتر المطار")]}))
    assert opened(copy).trained_on == {text_digest("قصفت قوات حفتر المطار")}


def test_missing_folder(tmp_path: Path) -> None:
    refused("no/such/folder", "is not a folder", root=tmp_path)


def test_hub_out_of_reach(tmp_path: Path) -> None:
    refused("aubmindlab/bert-base-arabertv02", root=tmp_path, revision="main")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["config.json"], "config.json"),
        (["model.safetensors"], "weights (*.safetensors)"),
        (["tokenizer.json", "vocab.txt"], "a tokenizer"),
    ],
)
def test_a_file_is_missing(copy: Path, names: list[str], said: str) -> None:
    for name in names:
        (copy / name).unlink()
    refused(copy, said)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_file_is_not_json(copy: Path, name: str) -> None:
    (copy / name).write_text("{ not json", encoding="utf-8")
    refused(copy)


@pytest.mark.parametrize("size", [0, 5, 300, 5000, -1])
def test_weights_are_cut_off(copy: Path, size: int) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    refused(copy, "cut off", "model.safetensors")


def test_weights_are_no_safetensors(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes(b"\x80\x04\x95" + b"x" * 10_000)
    refused(copy, "no safetensors file")


def test_a_shard_is_missing(copy: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(copy, "lacks 1 of the 2 files", "model-00002-of-00002.safetensors")


def test_tensors_are_missing(copy: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "layer.1." not in k}, copy / "model.safetensors", metadata={"format": "pt"})
    refused(copy, "another architecture", "tensors are missing")


def test_tensors_are_of_another_shape(copy: Path) -> None:
    edit(copy / "config.json", lambda config: config.update(intermediate_size=100))
    refused(copy)


def test_weights_of_another_architecture(copy: Path) -> None:
    from transformers import DistilBertConfig, DistilBertModel

    shutil.rmtree(copy / "weights", ignore_errors=True)
    other = DistilBertConfig(vocab_size=1500, dim=48, n_layers=2, n_heads=4, hidden_dim=96, max_position_embeddings=64)
    DistilBertModel(other).save_pretrained(copy / "other")
    shutil.copy(copy / "other/model.safetensors", copy / "model.safetensors")
    refused(copy, "another architecture")


@pytest.mark.parametrize("kind", ["t5", "gpt2"])
def test_a_model_that_does_not_read_both_ways(copy: Path, kind: str) -> None:
    from transformers import GPT2Config, T5Config

    (GPT2Config() if kind == "gpt2" else T5Config()).save_pretrained(copy)
    refused(copy, f"it is a {kind} model")


def test_a_model_of_an_unknown_kind(copy: Path) -> None:
    edit(copy / "config.json", lambda config: config.update(model_type="nonesuch"))
    refused(copy)


@pytest.mark.parametrize("rows", [1200, 64000])
def test_a_vocabulary_of_another_size(copy: Path, rows: int) -> None:
    edit(copy / "config.json", lambda config: config.update(vocab_size=rows))
    refused(copy, "vocabulary does not match", "1,500", f"{rows:,}")


def test_a_vocabulary_that_knows_no_arabic(copy: Path) -> None:
    edit(
        copy / "tokenizer.json", lambda it: it["model"].update(vocab={f"w{n}" if n > 4 else w: n for w, n in it["model"]["vocab"].items()})
    )
    refused(copy, "does not know Arabic")


def test_a_pickle_is_refused_with_the_command_that_converts_it(copy: Path) -> None:
    import torch
    from safetensors.torch import load_file

    expected = digest_of(copy)
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    refused(copy, "pytorch_model.bin", "any code", f"wijha convert {copy}")
    assert "written" in run(["wijha", "convert", str(copy)], ROOT).stdout
    assert opened(copy).load() is not None and len(expected) == len(digest_of(copy))
    assert run(["wijha", "convert", str(copy)], ROOT, code=2).stderr.startswith("wijha: ")


def test_converted_weights_are_the_pickled_ones(copy: Path) -> None:
    import torch
    from safetensors.torch import load_file

    tensors = load_file(copy / "model.safetensors")
    old = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in tensors.items()}
    torch.save({**old, "tied": old["embeddings.word_embeddings.weight"]}, copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    converted = load_file(convert(copy))
    assert converted.keys() == {*tensors, "tied"}
    assert all(torch.equal(converted[name], tensor) for name, tensor in tensors.items())


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("/tmp/wijha-was-here"),)


@pytest.mark.parametrize("content", [pickle.dumps(Hostile()), b"", b"x" * 100, pickle.dumps([1, 2])])
def test_a_hostile_or_broken_pickle_is_not_run(copy: Path, content: bytes) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(WijhaError, match=r"pytorch_model\.bin"):
        convert(copy)
    assert not Path("/tmp/wijha-was-here").exists() and not (copy / "model.safetensors").exists()


def test_moving_branch_of_the_hub_is_recorded_as_its_commit(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """A model in the hub's local cache is opened as if from the hub; `main` becomes the commit that it stands for."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--aubmindlab--bert-base-arabertv02"
    shutil.copytree(tiny_checkpoint, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    code = (
        "from pathlib import Path; from pipeline.config import load_encoder_settings; from pipeline.encoders.checkpoint import open_checkpoint; "
        "print(open_checkpoint(load_encoder_settings(Path('configs/encoders/arabert.yaml')), Path()).identity)"
    )
    printed = run(["python", "-c", code], ROOT, HF_HUB_CACHE=str(tmp_path), HF_HUB_OFFLINE="1").stdout
    assert printed.strip() == f"aubmindlab/bert-base-arabertv02@{commit}"
