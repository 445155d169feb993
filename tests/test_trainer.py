"""pipeline/trainer.py and training_loop.py, on a two-layer net and toy rows; one run is killed for real."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from pipeline.encoders.torch_runtime import has_bf16, has_gpu
from pipeline.errors import WijhaError
from pipeline.trainer import Point, Task, Trained, TrainerParams, last_checkpoint, train

PARAMS = TrainerParams(epochs=6, learning_rate=3e-2, batch_size=4, patience=9, precision="fp32")


class Net:
    """Makes the module; a class so that nothing here needs torch before a test runs."""

    @staticmethod
    def make(seed: int = 0) -> Any:
        import torch

        class Module(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                rng = torch.Generator().manual_seed(seed)
                self.embed = torch.nn.Embedding.from_pretrained(torch.randn(50, 8, generator=rng), freeze=False)
                self.dropout = torch.nn.Dropout(0.3)
                self.out = torch.nn.Linear(8, 2)
                with torch.no_grad():
                    self.out.weight.copy_(torch.randn(2, 8, generator=rng))
                    self.out.bias.zero_()

            def forward(self, input_ids: Any, labels: Any) -> dict[str, Any]:
                logits = self.out(self.dropout(self.embed(input_ids).mean(1)))
                return {"loss": torch.nn.functional.cross_entropy(logits.float(), labels), "logits": logits}

        return Module()


def rows(n: int, seed: int, learnable: bool = True) -> Any:
    from datasets import Dataset

    rng = np.random.default_rng(seed)
    ids = [rng.integers(0, 50, rng.integers(2, 9)).tolist() for _ in range(n)]
    labels = [int(np.mean(i) > 25) if learnable else int(rng.integers(2)) for i in ids]
    return Dataset.from_dict({"input_ids": ids, "label": labels})


def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
    import torch

    longest = max(len(row["input_ids"]) for row in batch)
    return {
        "input_ids": torch.tensor([row["input_ids"] + [0] * (longest - len(row["input_ids"])) for row in batch]),
        "labels": torch.tensor([row["label"] for row in batch]),
    }


def accuracy(predictions: Any, truth: Any) -> dict[str, float]:
    return {"accuracy": float((predictions.argmax(1) == truth).mean())}


def task(module: Any | None = None, learnable: bool = True, best: str = "accuracy") -> Task:
    return Task(module or Net.make(), rows(40, 1, learnable), rows(24, 2, learnable), collate, accuracy, best)


def weights(module: Any) -> dict[str, np.ndarray]:
    return {name: tensor.numpy().copy() for name, tensor in module.state_dict().items()}


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def run_in(folder: Path, params: TrainerParams = PARAMS, seed: int = 5, **changes: Any) -> tuple[Trained, dict[str, np.ndarray]]:
    given = task(**changes)
    return train(given, params, seed, folder, ["toy"]), weights(given.module)


def test_module_learns_and_its_curves_are_kept(tmp_path: Path) -> None:
    seen: list[tuple[Point, int]] = []
    given = task()
    done = train(given, PARAMS, 5, tmp_path / "work", ["toy"], lambda point, steps: seen.append((point, steps)))
    assert [point for point, _ in seen] == list(done.curves) and {steps for _, steps in seen} == {60}
    losses = [p.value for p in done.curves if p.name == "loss"]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 0.1
    assert {p.name for p in done.curves} == {"loss", "learning_rate", "grad_norm", "eval_loss", "eval_accuracy"}
    assert [p.epoch for p in done.curves if p.name == "eval_loss"] == [1, 2, 3, 4, 5, 6]
    assert (done.steps, done.most_steps, done.stopped_early, done.resumed_from) == (60, 60, False, None)


def test_module_ends_with_the_weights_of_the_best_evaluation(tmp_path: Path) -> None:
    import torch

    given = task()
    done = train(given, PARAMS, 5, tmp_path / "work", ["toy"])
    figures = {p.step: p.value for p in done.curves if p.name == "eval_accuracy"}
    assert done.best == max(figures.values()) and done.best_step == max(figures, key=lambda step: (figures[step], -step))
    batch = collate(list(given.validation))
    assert not given.module.training
    with torch.no_grad():
        found = accuracy(given.module(**batch)["logits"].numpy(), batch["labels"].numpy())
    assert found["accuracy"] == pytest.approx(done.best)


def test_the_smaller_the_loss_the_better(tmp_path: Path) -> None:
    done, _ = run_in(tmp_path / "work", best="loss")
    figures = {p.step: p.value for p in done.curves if p.name == "eval_loss"}
    assert done.best == min(figures.values()) and figures[done.best_step] == done.best


def test_training_stops_early_when_nothing_improves(tmp_path: Path) -> None:
    long = PARAMS.model_copy(update={"epochs": 40, "patience": 2})
    done, _ = run_in(tmp_path / "work", long, learnable=False)
    figures = [p.value for p in done.curves if p.name == "eval_accuracy"]
    assert done.stopped_early and done.steps < done.most_steps == 400
    assert len(figures) == done.steps // 10 and max(figures[-2:]) <= max(figures[:-2])  # two without improvement, and no third
    assert figures[-3] == max(figures)


def test_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    first, second, third = (run_in(tmp_path / str(i), seed=seed) for i, seed in enumerate((5, 5, 6)))
    assert_same(first[1], second[1])
    assert first[0] == second[0]
    assert not np.array_equal(first[1]["out.weight"], third[1]["out.weight"])


def test_process_keeps_its_generators(tmp_path: Path) -> None:
    import torch

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(1).item()
    given = task()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    train(given, PARAMS, 5, tmp_path / "work", ["toy"])
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == expected
    assert not torch.are_deterministic_algorithms_enabled()


def test_rows_of_a_pass_follow_from_its_number() -> None:
    from pipeline.training_loop import PassOrder

    lengths = np.random.default_rng(0).integers(5, 60, 103).tolist()

    def read(number: int, seed: int = 3) -> list[int]:
        order = PassOrder(lengths, 2, 4, seed)
        order.set_epoch(number)
        found = list(order)
        assert len(found) == len(order) == 52
        return found

    assert read(1) == read(1) != read(1, seed=4)
    counts = Counter(read(0) + read(1))
    assert set(counts) == set(range(103)) and sum(counts.values()) == 104  # an epoch, and one row of the next
    waste = [max(lengths[i] for i in read(0)[at : at + 4]) * 4 - sum(lengths[i] for i in read(0)[at : at + 4]) for at in range(0, 52, 4)]
    assert sum(waste) < 0.25 * sum(lengths[i] for i in read(0))  # random batches of 4 waste more than half


def test_several_evaluations_an_epoch(tmp_path: Path) -> None:
    done, _ = run_in(tmp_path / "work", PARAMS.model_copy(update={"evaluations_per_epoch": 2, "epochs": 2}))
    assert [p.epoch for p in done.curves if p.name == "eval_loss"] == [0.5, 1, 1.5, 2]


def test_accumulated_batches_make_one_step(tmp_path: Path) -> None:
    done, _ = run_in(tmp_path / "one", PARAMS.model_copy(update={"batch_size": 2, "gradient_accumulation": 5}))
    assert done.steps == 6 * 40 // 10


# --- going on -------------------------------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
sys.path[:0] = [{tests!r}, {root!r}]
import test_trainer as t
import torch
torch.set_num_threads(1)
from pipeline.encoders.torch_runtime import has_bf16, has_gpu
from pipeline.trainer import train
t.train(t.task(), t.PARAMS, 5, Path(sys.argv[1]), ["toy"], lambda point, steps: print(point.name, point.step, flush=True))
"""


def killed_when(folder: Path, ready: Callable[[], bool]) -> None:
    """Start a training of its own process, and kill it with SIGKILL as soon as `ready`."""
    code = CHILD.format(tests=str(ROOT / "tests"), root=str(ROOT))
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        while not ready():
            assert child.poll() is None, child.stderr and child.stderr.read().decode()
            time.sleep(0.0005)
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL


def test_killed_run_ends_with_the_weights_of_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed, expected = run_in(tmp_path / "whole")
    folder = tmp_path / "killed"
    killed_when(folder, lambda: (folder / "checkpoint-20/trainer_state.json").is_file())
    assert not (folder / "result.json").exists()
    done, found = run_in(folder)
    assert done.resumed_from is not None and 10 <= done.resumed_from < 60
    assert_same(found, expected)
    assert done.curves == undisturbed.curves and done.best_step == undisturbed.best_step


def test_killed_while_writing_a_checkpoint(tmp_path: Path) -> None:
    _, expected = run_in(tmp_path / "whole")
    folder = tmp_path / "killed"
    killed_when(folder, lambda: (folder / "checkpoint-30").is_dir())  # its files come one after the other
    done, found = run_in(folder)
    assert done.resumed_from in (20, 30)
    assert_same(found, expected)


def unfinished(folder: Path) -> None:
    """Leave a run behind as one that was killed at its last checkpoint."""
    from pipeline.training_loop import run_loop

    given = task()
    (folder / "run.json").parent.mkdir(parents=True)
    from pipeline import trainer

    trainer._claim(folder, trainer._digest(["toy", PARAMS.model_dump_json(), "5"]))
    run_loop(given, PARAMS, 5, folder, None, None)


@pytest.mark.parametrize("name", ["trainer_state.json", "model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth"])
@pytest.mark.parametrize("fault", ["absent", "cut off"])
def test_checkpoint_that_is_not_whole_is_skipped(tmp_path: Path, name: str, fault: str, whole_run: Path) -> None:
    folder = shutil.copytree(whole_run, tmp_path / "work")
    newest, older = sorted(folder.glob("checkpoint-*"), key=lambda p: -int(p.name.split("-")[1]))
    content = (newest / name).read_bytes()
    (newest / name).unlink() if fault == "absent" else (newest / name).write_bytes(content[: len(content) // 2])
    assert last_checkpoint(folder) == older and not newest.exists()


def test_checkpoint_whose_best_one_is_lost_is_not_gone_on_with(tmp_path: Path, whole_run: Path) -> None:
    folder = shutil.copytree(whole_run, tmp_path / "work")
    newest = last_checkpoint(folder)
    assert newest is not None
    state = json.loads((newest / "trainer_state.json").read_text())
    best = folder / f"checkpoint-{state['best_global_step']}"
    assert best != newest
    (best / "model.safetensors").unlink()
    done, found = run_in(folder)
    assert done.resumed_from is None
    assert_same(found, run_in(tmp_path / "whole")[1])


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads cost more than they bring for a net this small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "work"
    unfinished(folder)
    return folder


def test_run_killed_after_its_last_checkpoint_trains_no_further(tmp_path: Path, whole_run: Path) -> None:
    _, expected = run_in(tmp_path / "whole")
    done, found = run_in(shutil.copytree(whole_run, tmp_path / "work"))
    assert done.resumed_from == done.steps == 60
    assert_same(found, expected)


def test_patience_does_not_begin_anew_when_a_run_goes_on(tmp_path: Path) -> None:
    long = PARAMS.model_copy(update={"epochs": 40, "patience": 2})
    undisturbed, expected = run_in(tmp_path / "whole", long, learnable=False)

    def interrupt(point: Point, _: int) -> None:
        if point.step > undisturbed.steps - 10:  # between the first evaluation without improvement and the second
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(task(learnable=False), long, 5, tmp_path / "work", ["toy"], interrupt)
    done, found = run_in(tmp_path / "work", long, learnable=False)
    assert done.resumed_from == undisturbed.steps - 10 and done.steps == undisturbed.steps
    assert_same(found, expected)


def test_run_that_is_done_is_not_trained_again(tmp_path: Path) -> None:
    done, expected = run_in(tmp_path / "work")
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == ["model.safetensors", "result.json", "run.json"]
    before = (tmp_path / "work/model.safetensors").stat().st_mtime_ns
    again, found = run_in(tmp_path / "work")
    assert again == done and (tmp_path / "work/model.safetensors").stat().st_mtime_ns == before
    assert_same(found, expected)


def test_what_another_run_left_is_not_gone_on_with(tmp_path: Path, whole_run: Path) -> None:
    folder = shutil.copytree(whole_run, tmp_path / "work")
    other = PARAMS.model_copy(update={"learning_rate": 5e-3})
    done, found = run_in(folder, other)
    assert done.resumed_from is None
    assert_same(found, run_in(tmp_path / "fresh", other)[1])


# --- precision, and what goes wrong ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not has_bf16("cuda" if has_gpu() else "cpu"), reason="no bf16 on this machine")
def test_bf16_trains_and_leaves_the_module_in_full_precision(tmp_path: Path) -> None:
    import torch

    given = task()
    train(given, PARAMS.model_copy(update={"precision": "bf16"}), 5, tmp_path / "half", ["toy"])
    assert not np.array_equal(weights(given.module)["out.weight"], run_in(tmp_path / "full")[1]["out.weight"])
    batch = collate(list(given.validation))
    with torch.no_grad():
        found = given.module(**batch)["logits"]
        expected = given.module.out(given.module.embed(batch["input_ids"]).mean(1))
    assert found.dtype == torch.float32 and torch.equal(found, expected)


def test_bf16_where_there_is_none_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False})
    with pytest.raises(WijhaError, match=r"precision: bf16.*fp32"):
        run_in(tmp_path / "work", PARAMS.model_copy(update={"precision": "bf16"}))


def test_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    given = task()
    given.module.out.weight.data[0, 0] = float("inf")
    with pytest.raises(WijhaError, match=r"diverged.*step \d+.*learning_rate"):
        train(given, PARAMS, 5, tmp_path / "work", ["toy"])


@pytest.mark.parametrize("fault", ["OutOfMemoryError", "RuntimeError"])
def test_too_little_memory_says_what_to_change(tmp_path: Path, fault: str) -> None:
    import torch

    given = task()
    raised = torch.OutOfMemoryError() if fault == "OutOfMemoryError" else RuntimeError("DefaultCPUAllocator: can't allocate memory")

    def fail(*_: Any) -> None:
        raise raised

    given.module.register_forward_pre_hook(fail)
    with pytest.raises(WijhaError, match=r"too little memory.*halve batch_size"):
        train(given, PARAMS, 5, tmp_path / "work", ["toy"])


def test_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WijhaError, match="cannot read or write"):
        run_in(tmp_path / "file" / "work")


def test_result_is_plain_json(tmp_path: Path) -> None:
    done, _ = run_in(tmp_path / "work")
    assert json.loads((tmp_path / "work/result.json").read_text())["best"] == done.best
