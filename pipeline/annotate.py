"""The round trip of annotation: instances to a tool's files, and a tool's export to gold.

Layer 3. `cli_annotate.py` calls these functions and prints what they return.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pipeline import doccano, labelstudio, schema, tables
from pipeline.adjudication import Adjudicated
from pipeline.annotation import Answers, Task
from pipeline.annotation_choices import Tool
from pipeline.answers import Articles, check, refuse, write_csv, write_gold
from pipeline.errors import WijhaError
from pipeline.gold import COLUMNS, read_judgements


@dataclass(frozen=True)
class Imported:
    """What an import brought: judgements by annotator, tasks skipped or unanswered, and whether texts were compared with articles."""

    path: Path
    by_annotator: Mapping[str, int]
    cancelled: int
    unanswered: int
    compared: bool


def write_tasks(folder: Path, tasks: Sequence[Task], tool: Tool, prelabel: bool) -> list[Path]:
    """Write tasks and the configuration of the tool that shows them; returns the files."""
    if tool == Tool.LABEL_STUDIO:
        texts = {"tasks.json": _json(labelstudio.task_rows(tasks, prelabel)), "config.xml": labelstudio.labelling_config()}
    else:
        lines = doccano.to_lines(doccano.document_rows(tasks, prelabel))
        texts = {"tasks.jsonl": lines, "labels.json": _json(doccano.label_config())}
    for name, text in texts.items():
        with _writable(folder), tables.atomic(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    return [folder / name for name in texts]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def import_answers(
    files: Sequence[Path], gold: Path, name: str, actors: Sequence[str], articles: Path, renamed: Mapping[str, str], replacing: bool
) -> Imported:
    """Read exports of a tool and write their answers as the gold file `name`; one fault anywhere, and nothing is written."""
    path = gold / f"{name}.csv"
    if path.exists() and not replacing:
        raise WijhaError(f"{path} exists; choose another --name, or give --replace to write it anew")
    read = [(file, _renamed(read_export(file), renamed)) for file in files]
    known = _articles(articles)
    others = [j for file in sorted(gold.glob("*.csv")) if file != path for j in read_judgements(file, set(actors))]
    faults = [_in_file(file, fault, files) for file, answers in read for fault in answers.faults]
    named = [replace(a, task=_in_file(file, a.task, files)) for file, answers in read for a in answers.answers]
    faults += check(named, actors, known, others)
    refuse(list(dict.fromkeys(faults)), ", ".join(map(str, files)))  # a task that was changed is so for all its annotators
    if not named:
        raise WijhaError(f"{', '.join(map(str, files))}: no task is answered, nothing was written")
    with _writable(gold):
        counts = write_gold(gold, name, named)
    cancelled, unanswered = (sum(getattr(answers, count) for _, answers in read) for count in ("cancelled", "unanswered"))
    return Imported(path, counts, cancelled, unanswered, known is not None)


def read_export(path: Path) -> Answers:
    """Read what a tool exported: .json is Label Studio's, .jsonl doccano's."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            return doccano.read_answers(text, annotator=path.stem)
        if path.suffix == ".json":
            return labelstudio.read_answers(json.loads(text))
    except OSError as error:
        raise WijhaError(f"cannot read {path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise WijhaError(f"{path}: not UTF-8 at byte {error.start}; export it again") from None
    except (ValueError, RecursionError) as error:
        raise WijhaError(f"{path}: not JSON ({error}); is it cut short? export it again from Label Studio as JSON") from None
    raise WijhaError(f"{path}: expected a .json file of Label Studio or a .jsonl file of doccano")


def _renamed(answers: Answers, names: Mapping[str, str]) -> Answers:
    return replace(answers, answers=[replace(a, annotator=names.get(a.annotator, a.annotator)) for a in answers.answers])


def _in_file(file: Path, fault: str, files: Sequence[Path]) -> str:
    return f"{file.name}, {fault}" if len(files) > 1 else fault


def _articles(path: Path) -> Articles | None:
    """Return title and body of the articles that the tasks come from, if the table is there."""
    if not path.exists():
        return None
    table = tables.read(path, schema.ARTICLES)
    columns = (table[name].to_pylist() for name in ("article_id", "title", "body"))
    return {article_id: (title or "", body) for article_id, title, body in zip(*columns, strict=True)}


def write_adjudicated(path: Path, found: Adjudicated) -> None:
    """Write settled judgements as a gold file, whose word is final once it lies in the gold folder."""
    if path.suffix != ".csv" or path.exists():
        raise WijhaError(f"{path}: expected the name of a .csv file that does not exist yet")
    if not found.judgements:
        raise WijhaError(f"{path}: nothing to write, no item that several annotators judged is left to settle")
    with _writable(path.parent), tables.atomic(path) as temporary:
        write_csv(temporary, COLUMNS, map(asdict, found.judgements))


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WijhaError(f"cannot write to {folder}: {error.strerror or error}") from None
