"""pipeline/encoders/{runtimes,torch_runtime,openvino_runtime,graphs,parity}.py, on a tiny checkpoint."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from test_transformer import settings, some_instances

from pipeline.encoders import graphs, openvino_runtime, torch_runtime
from pipeline.encoders.checkpoint import Checkpoint, open_checkpoint
from pipeline.encoders.openvino_runtime import OpenVinoRuntime
from pipeline.encoders.parity import LEAST, Parity, parity, probe
from pipeline.encoders.runtimes import Batch, at_least, open_runtime, summed
from pipeline.encoders.torch_runtime import TorchRuntime, resolve_precision
from pipeline.encoders.transformer import Reader
from pipeline.errors import WijhaError


@pytest.fixture(scope="module")
def checkpoint(tiny_checkpoint: Path) -> Checkpoint:
    return open_checkpoint(settings(tiny_checkpoint), Path("/"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


def test_sums_are_over_the_tokens_of_the_mask() -> None:
    states = np.arange(24, dtype=np.float32).reshape(2, 4, 3)
    mask = np.array([[0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], bool)
    sums = summed(states, Batch(np.zeros((2, 4), int), np.full(2, 4), np.array([1, 0, 0]), mask))
    assert np.array_equal(sums, [states[1, 1] + states[1, 2], [0, 0, 0], states[0].sum(0)])


def test_very_small_batches_are_made_larger() -> None:
    assert at_least(np.array([[1, 2, 3], [4, 5, 6]]), 10).tolist() == [[1, 2, 3], [4, 5, 6], [4, 5, 6], [4, 5, 6]]
    assert at_least(np.ones((2, 40), int), 64).shape == (2, 40)


@pytest.mark.parametrize("precision", ["fp32", "auto"])
def test_few_shapes_as_on_a_gpu_give_the_same_bits_in_any_order_and_subset(
    checkpoint: Checkpoint, sample_texts: list[str], precision: str
) -> None:
    instances = some_instances(sample_texts)
    reader = Reader(checkpoint, "arabert", 62, TorchRuntime(checkpoint, precision, 600, device="cpu", few_shapes=True))
    whole = reader.vectors(instances)
    order = random.Random(4).sample(range(len(instances)), 60)
    assert np.array_equal(reader.vectors([instances[i] for i in order]), whole[order])
    assert np.array_equal(np.vstack([reader.vectors([instances[i]]) for i in order[:20]]), whole[order[:20]])
    unpadded = Reader(checkpoint, "arabert", 62, TorchRuntime(checkpoint, precision, device="cpu")).vectors(instances)
    np.testing.assert_allclose(whole, unpadded, atol=1e-5 if precision == "fp32" else 0.05)


def test_lengths_are_padded_to_few_and_never_beyond_the_model(checkpoint: Checkpoint) -> None:
    few = TorchRuntime(checkpoint, "fp32", device="cpu", few_shapes=True)
    assert [few.padded_length(n) for n in (3, 16, 17, 49, 64)] == [16, 16, 24, 64, 64]
    assert TorchRuntime(checkpoint, "fp32", device="cpu").padded_length(17) == 17


def test_on_a_gpu(checkpoint: Checkpoint, sample_texts: list[str]) -> None:
    if not torch_runtime.has_gpu():
        pytest.skip("no CUDA device on this machine")
    instances = some_instances(sample_texts)
    exact = Reader(checkpoint, "arabert", 62, TorchRuntime(checkpoint, "fp32", device="cpu")).vectors(instances)
    reader = Reader(checkpoint, "arabert", 62, TorchRuntime(checkpoint, "auto"))
    assert "cpu" not in reader.runtime.name
    whole = reader.vectors(instances)
    np.testing.assert_allclose(whole, exact, atol=0.05)
    assert np.array_equal(reader.vectors(instances[::-3]), whole[::-3])


# --- what is asked for runs, or an error says why not -----------------------------------------------------------------------


def test_precision_that_the_device_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_runtime, "has_bf16", lambda device: False)
    assert resolve_precision("auto", "cpu") == "fp32"
    with pytest.raises(WijhaError, match="does not compute in bf16"):
        resolve_precision("bf16", "cpu")
    with pytest.raises(WijhaError, match="runtime: openvino"):
        resolve_precision("int8", "cpu")
    with pytest.raises(WijhaError, match="does not compute in bf16"):
        openvino_runtime._resolve_precision("bf16", ["FP32", "INT8"])
    assert openvino_runtime._resolve_precision("auto", ["FP32"]) == "fp32"


@pytest.mark.parametrize(("runtime", "module", "said"), [("openvino", "openvino", ".[openvino]"), ("torch", "torch", ".[arabert]")])
def test_a_runtime_that_is_not_installed_is_an_error_and_nothing_stands_in(
    tiny_checkpoint: Path, tmp_path: Path, runtime: str, module: str, said: str
) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from pathlib import Path; from pipeline.config import TransformerSettings; from pipeline.encoders import load_encoder\n"
        f"load_encoder(TransformerSettings(kind='transformer', model={str(tiny_checkpoint)!r}, runtime={runtime!r}), Path(), Path({str(tmp_path)!r}))"
    )
    failed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and said in failed.stderr and "WijhaError" in failed.stderr


def test_the_precision_that_runs_is_read_back(checkpoint: Checkpoint, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert OpenVinoRuntime(checkpoint, "fp32", None, store).precision == "fp32"
    monkeypatch.setattr(openvino_runtime, "_PRECISIONS", dict.fromkeys(openvino_runtime._PRECISIONS, "fp16"))  # as if it ran in another
    with pytest.raises(WijhaError, match="runs in fp16 where fp32 was asked for"):
        OpenVinoRuntime(checkpoint, "fp32", None, store)


def test_auto_takes_openvino_without_a_gpu(checkpoint: Checkpoint, tiny_checkpoint: Path, store: Path) -> None:
    if torch_runtime.has_gpu():
        pytest.skip("a CUDA device is here, which auto takes")
    assert open_runtime(checkpoint, settings(tiny_checkpoint), store).name.startswith("openvino-")


# --- graphs -----------------------------------------------------------------------------------------------------------------


def test_a_graph_is_exported_once_and_its_parity_kept(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = OpenVinoRuntime(checkpoint, "fp32", None, tmp_path)
    (folder,) = tmp_path.iterdir()
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {"about.json", "graph.xml", "graph.bin", "parity"}
    assert json.loads((folder / "about.json").read_text())["checkpoint"] == checkpoint.identity
    monkeypatch.setattr(graphs, "_export", lambda *_: pytest.fail("exported again"))
    monkeypatch.setattr(openvino_runtime, "parity", lambda *_: pytest.fail("compared again"))
    assert OpenVinoRuntime(checkpoint, "fp32", None, tmp_path).parity == first.parity
    assert first.parity.least_cosine >= LEAST["fp32"] and first.parity.n > 20


def test_another_checkpoint_has_another_graph(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from transformers import AutoModel

    copy = shutil.copytree(tiny_checkpoint, tmp_path / "copy")
    model = AutoModel.from_pretrained(copy)
    model.embeddings.word_embeddings.weight.data += 0.1
    model.save_pretrained(copy)
    for folder in (tiny_checkpoint, copy):
        OpenVinoRuntime(open_checkpoint(settings(folder), Path("/")), "fp32", None, tmp_path / "graphs")
    assert len(list((tmp_path / "graphs").iterdir())) == 2


def test_a_graph_that_is_too_far_off_is_not_used(checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_runtime, "parity", lambda *_: Parity(0.99, 0.9, 26))
    with pytest.raises(WijhaError, match=r"least cosine 0\.990000 of 26, 0\.999999 is wanted; use runtime: torch"):
        OpenVinoRuntime(checkpoint, "fp32", None, tmp_path)
    assert not list(tmp_path.glob("*/parity-*"))


def test_a_damaged_graph_is_an_error_that_says_what_to_do(checkpoint: Checkpoint, tmp_path: Path) -> None:
    OpenVinoRuntime(checkpoint, "fp32", None, tmp_path)
    (graph,) = tmp_path.glob("*/graph.xml")
    graph.write_text(graph.read_text()[:2000])
    with pytest.raises(WijhaError, match="not a readable graph"):
        OpenVinoRuntime(checkpoint, "fp32", None, tmp_path)


def test_a_store_that_cannot_be_written(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WijhaError, match="WIJHA_CACHE"):
        OpenVinoRuntime(checkpoint, "fp32", None, tmp_path / "file/graphs")


def test_an_export_that_was_killed_leaves_nothing_that_is_used(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / ".making-x/0123").mkdir(parents=True)
    assert OpenVinoRuntime(checkpoint, "fp32", None, tmp_path).parity.n > 20


def test_two_processes_export_at_once(tiny_checkpoint: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from pipeline.config import TransformerSettings; from pipeline.encoders import load_encoder\n"
        f"settings = TransformerSettings(kind='transformer', model={str(tiny_checkpoint)!r}, runtime='openvino', precision='fp32')\n"
        f"from pipeline.instances import Instance; print(load_encoder(settings, Path(), Path({str(tmp_path)!r})).encode([Instance('قصفت قوات حفتر المطار')])[0, :3])"
    )
    started = [subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = {process.communicate()[0] for process in started}
    assert [process.returncode for process in started] == [0, 0] and len(printed) == 1
    assert len(list((tmp_path / "graphs").glob("[!.]*"))) == 1


def test_int8_is_a_graph_and_a_fingerprint_of_its_own(tiny_checkpoint: Path, checkpoint: Checkpoint, store: Path) -> None:
    from pipeline.encoders.transformer import TransformerEncoder

    exact, small = (
        TransformerEncoder(settings(tiny_checkpoint, runtime="openvino", precision=precision), Path("/"), store)
        for precision in ("fp32", "int8")
    )
    assert small.fingerprint == f"{exact.fingerprint}:int8" and "int8 weights" in small.runtime
    runtime = OpenVinoRuntime(checkpoint, "int8", None, store / "graphs")
    assert LEAST["int8"] <= runtime.parity.least_cosine < 1


# --- parity -----------------------------------------------------------------------------------------------------------------


def test_the_probe_covers_lengths_from_one_token_to_the_longest(checkpoint: Checkpoint) -> None:
    lengths = [ids.shape[1] - 2 for ids in probe(checkpoint.tokenizer, "arabert", checkpoint.positions)]
    assert min(lengths) == 1 and max(lengths) <= checkpoint.positions - 2 and len(lengths) > 20


def test_parity_is_the_least_cosine_of_any_vector(checkpoint: Checkpoint) -> None:
    sequences = probe(checkpoint.tokenizer, "arabert", checkpoint.positions)
    exact = TorchRuntime(checkpoint, "fp32", device="cpu")

    def states(ids: np.ndarray) -> np.ndarray:
        return exact.states(ids).numpy()

    def off(ids: np.ndarray) -> np.ndarray:
        return -states(ids) if ids is sequences[3] else states(ids)

    assert parity(sequences, states, states).least_cosine == pytest.approx(1)
    assert parity(sequences, states, off).least_cosine == pytest.approx(-1)
    assert parity(sequences, states, lambda ids: np.full_like(states(ids), np.nan)).least_cosine != 1
