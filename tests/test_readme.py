"""README.md: every command that it shows is run, and every figure that it shows is what was measured."""

import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, run

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.strip().split("  #")[0].strip() for line in README.splitlines() if re.match(r" {4}(make|pip|dvc|wijha) ", line)]
ELSEWHERE = {
    "make run": "test_dvc.project runs dvc repro; .ci/run runs the target itself",
    "make test": "this is it",
    "make ui": "test_ui_compares_runs",
    "pip install -c constraints.txt torch && pip install -c constraints.txt '.[arabert,openvino]'": "make test installs them",
    "wijha annotate import export.json --name round1 --rename 1=salem": "test_annotate_cli imports the answers to an export",
    "dvc exp run -S encoder=arabert": "test_dvc: weights that cannot be had; no hub can be reached from a test",
    "dvc exp run -S encoder=local": "test_dvc: the whole pipeline on a local checkpoint",
    "dvc exp run -S encoder=arabert -S classifier=finetune": "test_dvc: fine-tuning runs whole, on a local checkpoint",
    "wijha pretrain data/raw --model aubmindlab/bert-base-arabertv02 --output data/encoders/local": "test_pretraining, from a local checkpoint",
    "wijha pretrain data/raw --from-scratch small --output data/encoders/local": "test_pretraining, with a smaller model",
}


def test_every_command_of_the_readme_is_accounted_for() -> None:
    assert len(COMMANDS) >= 10
    assert set(ELSEWHERE) <= set(COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_command_runs(project: Path, command: str) -> None:
    run(shlex.split(command), project, code=1 if "faults" in command else 0)


def test_make_targets_exist() -> None:
    for command in (c for c in COMMANDS if c.startswith("make ")):
        run(["make", "--dry-run", command.split()[1]], ROOT)


def test_figures_are_the_measured_ones(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "wijha", symlinks=True)
    shutil.copy(ROOT / "experiments/metrics.json", copy / "experiments/metrics.json")
    run([sys.executable, "experiments/render.py", "--check"], copy)


def test_ui_compares_runs(project: Path) -> None:
    """`make ui` answers on loopback with the experiment of this project."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    target = run(["make", "--dry-run", "-W", "pyproject.toml", "ui"], ROOT).stdout
    line = next(x for x in target.splitlines() if "mlflow ui" in x)
    assert "--host 127.0.0.1" in line
    server = subprocess.Popen(
        ["bash", "-c", f"exec env {line.replace('--port 5000', f'--port {port}')}"],
        cwd=project,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(Path.home()), "MLFLOW_DISABLE_TELEMETRY": "true"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get-by-name?experiment_name=wijha",
            headers={"Content-Type": "application/json"},
        )
        for _ in range(120):
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    assert b'"name": "wijha"' in answer.read()
                return
            except OSError:
                time.sleep(0.5)
        pytest.fail("the MLflow UI did not answer within a minute")
    finally:
        server.terminate()
        server.wait(timeout=30)
