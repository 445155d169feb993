"""The corpora of tests/data, which were written by others than the rules, and the figures that they must reach."""

import json

import pytest
from conftest import ROOT

from experiments import ingest
from pipeline.dates import find_date
from pipeline.language import script

PAGES = [sample for name in ("dev1", "dev2", "held1", "held2") for sample in ingest.samples(ingest.DATA / "pages" / name)]


def share(name: str) -> float:
    return sum(bool(ingest.ours(sample)[name]) for sample in PAGES) / len(PAGES)


def test_there_are_enough_pages_and_each_asks_for_enough() -> None:
    assert len(PAGES) >= 40
    assert all(len(sample.keep) >= 5 and len(sample.drop) >= 5 for sample in PAGES)
    assert len({sample.path.read_bytes()[:20_000] for sample in PAGES}) == len(PAGES)


@pytest.mark.parametrize(("what", "least"), [("body", 0.95), ("title", 0.9), ("date", 0.9), ("url", 0.9)])
def test_pages_are_read_right(what: str, least: float) -> None:
    assert share(what) >= least


def test_no_extractor_compared_with_is_better() -> None:
    pages = json.loads((ROOT / "experiments/ingest.json").read_text(encoding="utf-8"))["pages"]
    ours = pages.pop("wijha")["all"]
    assert len(pages) >= 2
    assert all(found["all"]["n"] == ours["n"] and found["all"]["body"] < ours["body"] for found in pages.values())


@pytest.mark.parametrize("half", ["dev", "held"])
def test_boundaries_are_found(half: str) -> None:
    marked = list(ingest.passages(half))
    ours = ingest._boundaries(lambda text: [sentence.end for sentence in ingest.split_sentences(text)], marked)
    assert ours["n"] >= 150 and ours["f1"] >= 0.93
    measured = json.loads((ROOT / "experiments/ingest.json").read_text(encoding="utf-8"))["sentences"]
    assert measured["wijha"][half] == ours and measured["pysbd"][half]["f1"] < ours["f1"]


@pytest.mark.parametrize(("half", "least"), [("dev", 0.94), ("held", 0.88)])
def test_voices_are_told(half: str, least: float) -> None:
    assert ingest.measure_voice()[half]["accuracy"] >= least


@pytest.mark.parametrize("row", ingest.lines_of("languages.jsonl"), ids=lambda row: f"{row['language']}: {row['kind']}")
def test_arabic_is_kept_and_other_languages_rejected(row: dict[str, str]) -> None:
    found = script(row["text"])
    assert found.is_arabic is (row["language"] == "arabic")
    if row["language"] in ("persian", "urdu", "pashto", "sorani"):
        assert found.language.lower() == row["language"]


@pytest.mark.parametrize("row", ingest.lines_of("dates.jsonl"), ids=lambda row: row["kind"])
def test_dates_are_read(row: dict[str, str]) -> None:
    assert find_date(row["text"]) == row["date"]
