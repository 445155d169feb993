"""Where a project's files are."""

from pathlib import Path

from pipeline.workspace import Workspace


def test_home_is_the_project_itself(tmp_path: Path) -> None:
    assert Workspace(tmp_path).home == tmp_path.resolve()


def test_home_of_a_copy_that_dvc_made_is_the_project(tmp_path: Path) -> None:
    assert Workspace(tmp_path / ".dvc/tmp/exps/standalone/tmpabc").home == tmp_path.resolve()
