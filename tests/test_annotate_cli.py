"""`wijha annotate` from end to end: tasks out, a simulated tool's export in, gold that `read_gold` reads, and agreement of it."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from small_corpus import BODIES, instances, make_project, write_tables
from test_actors import ACTORS
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.gold import COLUMNS, read_gold

STANCES = ("favor", "against", "neutral", "not_actor")
TONES = ("negative", "neutral", "positive")


@pytest.fixture
def root(tmp_path):
    make_project(tmp_path / "project")
    return tmp_path / "project"


def wijha(root, *arguments, code=0):
    done = CliRunner().invoke(app, ["annotate", *map(str, arguments), "--project", str(root)])
    assert done.exit_code == code, f"{done.output}{done.exception!r}"
    return done.output


def export(root, *arguments, **more):
    wijha(root, "export", "--output", root / "tasks", *arguments, **more)
    return json.loads((root / "tasks/tasks.json").read_text(encoding="utf-8"))


def judged(tasks, annotators=(3, {"id": 4, "email": "maha@example.org"}), shift=0):
    """Return tasks as Label Studio exports them: each annotator judges each task; the first two agree but on every fourth."""

    def result(number):
        stance, tone = STANCES[number % 4], TONES[number % 3]
        chosen = {"stance": stance} if stance == "not_actor" else {"stance": stance, "sentiment": tone}
        made = [{"from_name": n, "to_name": "text", "type": "choices", "value": {"choices": [v]}} for n, v in chosen.items()]
        return [*made, {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": [f"=ملاحظة {number}"]}}]

    def annotation(number, who, position):
        return {
            "id": number,
            "completed_by": who,
            "was_cancelled": False,
            "result": result(number + shift + (position and number % 4 == 0)),
        }

    return [
        {"id": 100 + i, "data": task["data"], "annotations": [annotation(i, who, at) for at, who in enumerate(annotators)], "project": 1}
        for i, task in enumerate(tasks)
    ]


def save(path: Path, exported) -> Path:
    path.write_text(json.dumps(exported, ensure_ascii=False), encoding="utf-8")
    return path


def rows(path: Path) -> list[dict]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def files(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in (root / "data/gold").rglob("*") if path.is_file()}


@pytest.mark.parametrize("strategy", ["random", "stratified", "uncertainty"])
def test_round_trip_of_label_studio(root, strategy):
    tasks = export(root, "--strategy", strategy, "--n", 6)
    ElementTree.parse(root / "tasks/config.xml")
    said = wijha(root, "import", save(root / "first.json", judged(tasks)))
    assert "12 judgements (3 6, maha@example.org 6)" in said
    items = read_gold(root / "data/gold", ACTORS.keys)
    assert len(items) == 6 and all(len(item.judgements) == 2 for item in items)
    for item in items:
        assert item.text in [part[item.start : item.end] for part in BODIES[item.article_id] if part]
    assert {(i.article_id, i.actor, i.start, i.text) for i in items} == {
        tuple(t["data"][name] for name in ("article_id", "actor", "start", "text")) for t in tasks
    }
    recorded = {row["gold_id"]: row for row in rows(root / "data/gold/sampling/first.csv")}
    assert recorded.keys() == {item.gold_id for item in items}
    assert {row["strategy"] for row in recorded.values()} == {strategy}
    by_text = {(t["data"]["text"], t["data"]["actor"], t["data"]["start"]): t["data"]["sampling"]["probability"] for t in tasks}
    assert all(float(recorded[i.gold_id]["probability"]) == by_text[i.text, i.actor, i.start] for i in items)
    notes = rows(root / "data/gold/notes/first.csv")
    assert len(notes) == 12 and all(row["note"].startswith("'=ملاحظة") for row in notes)
    misleading = [j for item in items for j in item.judgements if j.stance == "not_actor"]
    assert misleading and all(j.sentiment == "" for j in misleading)


def test_judged_instances_are_not_drawn_again_and_a_second_round_meets_the_first(root):
    tasks = export(root, "--n", 6)
    wijha(root, "import", save(root / "first.json", judged(tasks, annotators=("سالم",))))
    rest = export(root, "--n", 100)
    assert len(rest) == len(instances()) - 6
    assert not {t["data"]["instance_id"] for t in rest} & {t["data"]["instance_id"] for t in tasks}
    assert {t["data"]["sampling"]["probability"] for t in rest} == {1.0}
    wijha(root, "import", save(root / "second.json", judged(tasks, annotators=("مها",), shift=1)))
    assert sorted(path.name for path in (root / "data/gold").glob("*.csv")) == ["first.csv", "second.csv"]
    items = read_gold(root / "data/gold", ACTORS.keys)
    assert len(items) == 6
    assert all(sorted(j.annotator for j in item.judgements) == ["سالم", "مها"] for item in items)


def test_abstained_instances_go_straight_to_annotation_from_the_tables_of_score(root, tmp_path):
    scored = tmp_path / "scored"
    write_tables(scored)
    shutil.rmtree(root / "data/tables")
    tasks = export(root, "--abstained", "--from", scored, "--n", 100)
    assert sorted(t["data"]["instance_id"] for t in tasks) == sorted(row["instance_id"] for row in instances()[::3])
    exported = save(root / "first.json", judged(tasks))
    assert "not compared" not in wijha(root, "import", exported, "--from", scored)
    assert "texts were not compared with their articles" in wijha(root, "import", exported, "--replace")


def test_actors_seed_and_prelabels(root):
    tasks = export(root, "--actor", "un", "--actor", "militias", "--n", 100)
    assert {t["data"]["actor"] for t in tasks} == {"un", "militias"} and all(t.keys() == {"data"} for t in tasks)
    one, same, other = (export(root, "--n", 4, "--seed", seed, "--prelabel") for seed in (1, 1, 2))
    assert one == same != other
    assert all(t["predictions"] for t in one)


def test_round_trip_of_doccano(root):
    wijha(root, "export", "--output", root / "tasks", "--tool", "doccano", "--n", 5)
    assert len(json.loads((root / "tasks/labels.json").read_text(encoding="utf-8"))) == 7
    documents = [json.loads(line) for line in (root / "tasks/tasks.jsonl").read_text(encoding="utf-8").splitlines()]
    for annotator, labels in (("سالم", ["stance:favor", "sentiment:neutral"]), ("مها", ["stance:neutral", "sentiment:neutral"])):
        lines = [json.dumps({"id": i, **d, "label": labels, "Comments": ["صعب"]}, ensure_ascii=False) for i, d in enumerate(documents)]
        (root / f"{annotator}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    wijha(root, "import", root / "سالم.jsonl", root / "مها.jsonl", "--name", "round-1")
    assert Counter(row["annotator"] for row in rows(root / "data/gold/round-1.csv")) == {"سالم": 5, "مها": 5}
    assert [item.stance for item in read_gold(root / "data/gold", ACTORS.keys)] == [None] * 5
    assert len(rows(root / "data/gold/sampling/round-1.csv")) == 5 and len(rows(root / "data/gold/notes/round-1.csv")) == 10


def spoil(task, **data):
    return {**task, "data": {**task["data"], **data}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: spoil(t, actor="rsf"), "actor 'rsf'; expected one of lna, militias, un, gna"),
        (lambda t: spoil(t, actor="gna"), "is not of article"),
        (lambda t: spoil(t, article_id="a9"), "is not of article"),
        (lambda t: spoil(t, article_id="a9", instance_id=f"a9-0001-{t['data']['actor']}"), "article 'a9' is not in the articles table"),
        (lambda t: spoil(t, text=t["data"]["text"][:-1] + "؟"), "its text is not at"),
        (lambda t: spoil(t, text=t["data"]["text"] + " "), "it was changed, or its place was"),
        (lambda t: spoil(t, start=t["data"]["start"] + 1, end=t["data"]["end"] + 1), "its text is not at"),
        (lambda t: {**t, "annotations": t["annotations"] * 2}, "3 has judged this item before, in task 102"),
        (lambda t: {**t, "annotations": [{**t["annotations"][0], "completed_by": "adjudicated"}]}, "is for settled labels"),
        (lambda t: {**t, "annotations": [{**t["annotations"][0], "result": []}]}, "stance ''"),
    ],
)
def test_a_bad_export_is_refused_with_its_task_and_nothing_is_written(root, change, words):
    exported = judged(export(root, "--n", 6))
    exported[2] = change(exported[2])
    before = files(root)
    said = wijha(root, "import", save(root / "first.json", exported), code=2)
    assert "first.json: " in said and "nothing was written" in said
    assert "  task 102: " in said and words in said
    assert "task 101:" not in said and "task 103:" not in said
    assert files(root) == before


def test_a_long_list_of_faults_is_cut(root):
    exported = [{**task, "id": i, "annotations": None} for i, task in enumerate(judged(export(root, "--n", 6)) * 5)]
    said = wijha(root, "import", save(root / "first.json", exported), code=2)
    assert "30 faults" in said and said.count("\n  task ") == 20 and "and 10 more" in said


def test_a_changed_task_is_named_once_for_all_its_annotators(root):
    exported = judged(export(root, "--n", 3))
    exported[1] = spoil(exported[1], text="نص آخر")
    said = wijha(root, "import", save(root / "first.json", exported), code=2)
    assert "1 fault" in said and said.count("task 101") == 1


def test_the_same_judgement_is_not_taken_twice(root):
    exported = save(root / "first.json", judged(export(root, "--n", 6)))
    wijha(root, "import", exported)
    before = files(root)
    assert "first.csv exists; choose another --name, or give --replace" in wijha(root, "import", exported, code=2)
    assert "has judged this item before, in a file of the gold folder" in wijha(root, "import", exported, "--name", "again", code=2)
    assert files(root) == before
    wijha(root, "import", exported, "--replace")
    assert files(root) == before
    wijha(root, "import", exported, "--name", "again", "--rename", "3=سالم", "--rename", "maha@example.org=مها")
    assert {row["annotator"] for row in rows(root / "data/gold/again.csv")} == {"سالم", "مها"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", b'[{"id": 1, "data"', "not JSON"),
        ("a.json", b"[]", "no task is answered"),
        ("a.json", "[]".encode("utf-16"), "not UTF-8"),
        ("a.csv", b"text", "expected a .json file of Label Studio or a .jsonl file of doccano"),
        ("a.json", b"{}", "no list of tasks"),
        ("a.json", b"[" * 100_000, "not JSON"),
    ],
)
def test_a_file_that_is_no_export_is_named(root, name, content, words):
    (root / name).write_bytes(content)
    said = wijha(root, "import", root / name, code=2)
    assert name in said and words in said
    assert files(root) == {}


def test_names_that_cannot_be_are_refused(root):
    exported = save(root / "a.json", judged(export(root, "--n", 3)))
    assert "name '../a'" in wijha(root, "import", exported, "--name", "../a", code=2)
    assert "--rename '3'; expected OLD=NEW" in wijha(root, "import", exported, "--rename", "3", code=2)
    assert "cannot read" in wijha(root, "import", root / "none.json", code=2)
    assert "no actor 'rsf'" in wijha(root, "export", "-o", root / "t", "--actor", "rsf", code=2)
    said = wijha(root, "export", "-o", root / "t", "--from", root / "data/gold", code=2)
    assert "no articles.parquet in" in said and "wijha score --format parquet" in said
    (root / "file").write_text("x")
    assert "cannot write to" in wijha(root, "export", "-o", root / "file", code=2)


def test_agreement_is_printed_and_the_settled_gold_is_final(root):
    tasks = export(root, "--n", 8)
    wijha(root, "import", save(root / "first.json", judged(tasks, annotators=("سالم", "[bold]مها"))))
    said = wijha(root, "agreement")
    for words in ("Krippendorff's alpha", "سالم", "[bold]مها", "75.0% alike", "lna", "not_actor"):
        assert words in said
    assert said.count("[bold]مها") == 4  # a name is nobody's markup
    assert "majority: 6 items settled, 2 left out as tied, 0 adjudicated before" in " ".join(said.split())
    settled = root / "data/gold/settled.csv"
    said = wijha(root, "agreement", "--adjudicate", "dawid-skene", "--write", settled)
    assert "stance: converged after" in said and "estimated accuracy" in said
    written = rows(settled)
    assert list(written[0]) == COLUMNS and {row["annotator"] for row in written} == {"adjudicated"}
    items = {item.gold_id: item for item in read_gold(root / "data/gold", ACTORS.keys)}
    assert len(items) == 8 and sum(len(item.judgements) == 3 for item in items.values()) == len(written)
    assert f"0 items settled, {8 - len(written)} left out as tied, {len(written)} adjudicated before" in " ".join(
        wijha(root, "agreement").split()
    )
    assert "does not exist yet" in wijha(root, "agreement", "--write", settled, code=2)


def test_agreement_of_another_folder(root, tmp_path):
    wijha(root, "import", save(root / "first.json", judged(export(root, "--n", 4))), "--gold", tmp_path / "gold")
    assert "4 items settled" not in wijha(root, "agreement", code=2)
    assert "items settled" in wijha(root, "agreement", "--gold", tmp_path / "gold")


def test_help_is_one_sentence_for_each_command():
    for command in ("export", "import", "agreement"):
        assert CliRunner().invoke(app, ["annotate", command, "--help"]).exit_code == 0
