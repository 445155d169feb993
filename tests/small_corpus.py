"""A project of four hostile little articles, with real tables, for the tests of annotation."""

import dataclasses
from pathlib import Path

import yaml
from test_actors import ACTORS, CONFIG

from pipeline import schema, tables
from pipeline.cleaning import Article
from pipeline.instances import parts_of
from pipeline.schema import SENTIMENT_P, STANCE_P
from pipeline.workspace import Workspace

HOSTILE = '😀🔥 قال <script>alert("x")</script> & أضاف \u202e إن الجيش الوطني الليبي يحرر ليبيا من الميليشيات.'
BODIES = {
    "a1": ("البعثة الأممية في طرابلس", f"وصل الوفد إلى طرابلس أمس.\n{HOSTILE}\nوعاد الوفد مساء إلى بنغازي."),
    "a2": (None, "رحب أهالي بنغازي بالجيش الوطني الليبي. وأعلنت البعثة الأممية هدنة في ليبيا. ثم رحب أهالي بنغازي بالجيش الوطني الليبي."),
    "a3": ("حفتر في ليبيا", "خربت ميليشيات حفتر بيوت طرابلس. وقالت البعثة الأممية إن حفتر لم يرد. وسكت اللواء السابع في ليبيا."),
    "a4": (None, "اتهم حفتر البعثة الأممية بالانحياز إلى اللواء السابع في طرابلس."),
}


def article(article_id: str) -> Article:
    title, body = BODIES[article_id]
    return Article(article_id, f"{article_id}.txt", 0, title, body, None, None, None, len(body), article_id)


def label(instance_id: str, number: int) -> dict:
    """Return a made-up label: stances in turn, every third one abstained."""
    p = [0.1, 0.1, 0.1]
    p[number % 3] = 0.8
    if number % 3 == 0:
        p = [0.4, 0.3, 0.3]
    tone = dict(zip(SENTIMENT_P, (0.2, 0.7, 0.1), strict=True))
    stance = ("against", "neutral", "favor")[number % 3]
    scores = {**dict(zip(STANCE_P, p, strict=True)), **tone}
    return {"instance_id": instance_id, "stance": stance, "abstained": number % 3 == 0, "sentiment": "neutral", **scores}


def instances() -> list[dict]:
    return [row for article_id in BODIES for row in parts_of(article(article_id), ACTORS).instances]


def make_project(root: Path) -> Workspace:
    """Write actor set, parameters, tables and no gold."""
    workspace = Workspace(root)
    (root / "configs/actors").mkdir(parents=True)
    (root / "configs/actors/small.yaml").write_text(CONFIG, encoding="utf-8")
    workspace.params.write_text(yaml.safe_dump({"encoder": "lexical", "actors": "small", "seed": 7}))
    workspace.gold.mkdir(parents=True)
    write_tables(workspace.table("articles").parent)
    return workspace


def write_tables(folder: Path) -> None:
    rows = instances()
    tables.write(folder / "articles.parquet", [dataclasses.asdict(article(article_id)) for article_id in BODIES], schema.ARTICLES)
    tables.write(folder / "instances.parquet", rows, schema.INSTANCES)
    labels = [label(row["instance_id"], number) for number, row in enumerate(rows)]
    tables.write(folder / "instance_labels.parquet", labels, schema.INSTANCE_LABELS)
