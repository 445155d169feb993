"""Measure how well scrapes are read, each beside the obvious alternatives; write experiments/ingest.json.

    pip install -c constraints.txt '.[bench]'
    python experiments/ingest.py

The corpora of tests/data were written for this repository by writers who had not seen the rules, half of them (`held`) kept from view
until the rules were first measured on them; since then they have been looked at too.
"""

import html
import json
import re
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.cleaning import Article, CleanLimits, clean  # noqa: E402
from pipeline.dates import find_date  # noqa: E402
from pipeline.encodings import declared_charset, decode  # noqa: E402
from pipeline.fields import DEFAULT_FIELDS, ReadLimits  # noqa: E402
from pipeline.language import script  # noqa: E402
from pipeline.readers import Record, Source, read_source  # noqa: E402
from pipeline.sentences import split_sentences  # noqa: E402

DATA = ROOT / "tests/data"
warnings.simplefilter("ignore")


# --- pages and texts --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sample:
    """A scrape and what a reader expects of it."""

    path: Path
    title: str
    published: str | None
    outlet: str | None
    url: str | None
    keep: tuple[str, ...]
    drop: tuple[str, ...]


def samples(folder: Path) -> Iterator[Sample]:
    """Read the samples of a folder: a scrape and a YAML file beside it."""
    for path in sorted(folder.glob("*.yaml")):
        expected = yaml.safe_load(path.read_text(encoding="utf-8"))
        scrape = next(p for p in sorted(folder.glob(f"{path.stem}.*")) if p != path)
        published = str(expected["published"])[:10] if expected["published"] else None
        keep, drop = tuple(map(plain, expected["keep"])), tuple(map(plain, expected["drop"]))
        yield Sample(scrape, plain(expected["title"]), published, plain(expected["outlet"]), expected["url"], keep, drop)


def plain(text: str | None) -> str:
    """Return a text without marks that nobody sees, spaces single."""
    return " ".join(re.sub("[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", "", text or "").split())


def ours(sample: Sample) -> dict[str, Any]:
    """Read a sample as the pipeline does, and say what came out right."""
    (record,) = read_source(Source(sample.path, sample.path.name), ReadLimits(), DEFAULT_FIELDS)
    found = clean(record, CleanLimits()) if isinstance(record, Record) else record
    if not isinstance(found, Article):
        return {**judged(sample, ""), "title": False, "date": False, "outlet": False, "url": False}
    return {
        **judged(sample, found.body),
        "title": plain(found.title) == sample.title,
        "date": found.published == sample.published,
        "outlet": plain(found.outlet) == sample.outlet,
        "url": found.url == sample.url,
    }


def judged(sample: Sample, body: str) -> dict[str, Any]:
    """Say which required phrases a body has and which debris it is free of; the body is right when it is all of both."""
    text = plain(body)
    kept, left = sum(phrase in text for phrase in sample.keep), sum(phrase in text for phrase in sample.drop)
    right = kept == len(sample.keep) and left == 0
    return {"body": right, "kept": kept, "keep": len(sample.keep), "left": left, "drop": len(sample.drop)}


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return shares of samples (body, title, ...) and of phrases (kept, left)."""
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    shares = {key: round(total[key] / len(rows), 4) for key in total if key in ("body", "title", "date", "outlet", "url")}
    return {"n": len(rows), **shares, "kept": round(total["kept"] / total["keep"], 4), "left": round(total["left"] / total["drop"], 4)}


def rivals() -> dict[str, Callable[[str], str | None]]:
    """Return other extractors of main text, as their users call them."""
    import justext
    import trafilatura
    from boilerpy3 import extractors
    from readability import Document
    from resiliparse.extract.html2text import extract_plain_text

    stop = justext.get_stoplist("Arabic")
    return {
        "trafilatura": lambda page: trafilatura.extract(page, include_comments=False, include_tables=False),
        "trafilatura, precision": lambda page: trafilatura.extract(
            page, include_comments=False, include_tables=False, favor_precision=True
        ),
        "jusText": lambda page: "\n".join(p.text for p in justext.justext(page.encode(), stop, encoding="utf-8") if not p.is_boilerplate),
        "readability-lxml": lambda page: html.unescape(re.sub(r"<[^>]+>", " ", Document(page).summary())),
        "boilerpy3": lambda page: extractors.ArticleExtractor().get_content(page),
        "resiliparse": lambda page: extract_plain_text(page, main_content=True, alt_texts=False),
    }


def measure_pages() -> dict[str, Any]:
    """Compare extractors on all pages, and ours also on the two halves."""
    folders = {"dev": ["dev1", "dev2"], "held": ["held1", "held2"]}
    halves = {half: [s for name in names for s in samples(DATA / "pages" / name)] for half, names in folders.items()}
    every = [*halves["dev"], *halves["held"]]
    result: dict[str, Any] = {"wijha": {half: summed([ours(s) for s in found]) for half, found in (*halves.items(), ("all", every))}}
    for name, extract in rivals().items():
        result[name] = {"all": summed([judged(s, _extracted(extract, s)) for s in every])}
    return result


def _extracted(extract: Callable[[str], str | None], sample: Sample) -> str:
    data = sample.path.read_bytes()
    return extract(decode(data, declared_charset(data))) or ""


# --- sentences and voice ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passage:
    """A text with the ends of its sentences and the voice of each."""

    text: str
    ends: tuple[int, ...]
    voices: tuple[str, ...]


def passages(name: str) -> Iterator[Passage]:
    """Read a marked file: `⟦o⟧` ends a sentence of the outlet, `⟦q⟧` one that it quotes."""
    for marked in (DATA / "sentences" / f"{name}.txt").read_text(encoding="utf-8").split("\n=====\n"):
        pieces = re.split(r"⟦([oq])⟧", marked)
        ends, at = [], 0
        for piece in pieces[::2][:-1]:
            at += len(piece)
            ends.append(at)
        yield Passage("".join(pieces[::2]), tuple(ends), tuple("quoted" if voice == "q" else "outlet" for voice in pieces[1::2]))


def splitters() -> dict[str, Callable[[str], list[int]]]:
    """Return ways to find where sentences end."""
    import pysbd

    segmenter = pysbd.Segmenter(language="ar", clean=False)

    def pysbd_ends(text: str) -> list[int]:
        ends, at = [], 0
        for sentence in filter(None, (s.strip() for s in segmenter.segment(text))):
            at = max(text.find(sentence, at), at) + len(sentence)
            ends.append(at)
        return ends

    return {
        "wijha": lambda text: [sentence.end for sentence in split_sentences(text)],
        "pysbd": pysbd_ends,
        "lines and . ! ؟": lambda text: [m.end() for m in re.finditer(r"[.!؟?]+(?=\s|$)|(?<=[^\s.!؟?])(?=\n|$)", text)],
    }


def measure_sentences() -> dict[str, Any]:
    """Compare splitters on the hand-marked boundaries (precision, recall, F1)."""
    result: dict[str, Any] = {}
    for name, split in splitters().items():
        result[name] = {half: _boundaries(split, list(passages(half))) for half in ("dev", "held")}
    return result


def _boundaries(split: Callable[[str], list[int]], marked: list[Passage]) -> dict[str, float]:
    found = [(set(split(passage.text)), set(passage.ends)) for passage in marked]
    right, given, wanted = (sum(map(len, sets)) for sets in ((a & b for a, b in found), (a for a, _ in found), (b for _, b in found)))
    precision, recall = right / given, right / wanted
    f1 = 2 * precision * recall / (precision + recall)
    return {"n": wanted, "precision": round(precision, 4), "recall": round(recall, 4), "f1": round(f1, 4)}


def measure_voice() -> dict[str, Any]:
    """Compare the voice of each sentence that was split right with the marked one."""
    result = {}
    for half in ("dev", "held"):
        pairs = Counter(
            (voice, found[end].voice.value)
            for passage in passages(half)
            for found in [{s.end: s for s in split_sentences(passage.text)}]
            for end, voice in zip(passage.ends, passage.voices, strict=True)
            if end in found
        )
        both = pairs["quoted", "quoted"]
        result[half] = {
            "n": pairs.total(),
            "accuracy": round((both + pairs["outlet", "outlet"]) / pairs.total(), 4),
            "quoted_precision": round(both / (both + pairs["outlet", "quoted"]), 4),
            "quoted_recall": round(both / (both + pairs["quoted", "outlet"]), 4),
        }
    return result


# --- language and dates -------------------------------------------------------------------------------------------------------------


def lines_of(name: str) -> list[dict[str, Any]]:
    """Read a file of JSON lines of tests/data."""
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def measure_language() -> dict[str, Any]:
    """Say how many Arabic texts are kept and others rejected."""
    rows = [(row["language"] == "arabic", script(row["text"]).is_arabic) for row in lines_of("languages.jsonl")]
    arabic, other = [kept for is_arabic, kept in rows if is_arabic], [not kept for is_arabic, kept in rows if not is_arabic]
    return {"arabic": len(arabic), "kept": sum(arabic), "other": len(other), "rejected": sum(other)}


def measure_dates() -> dict[str, int]:
    """Say how many dates are read right (no date is right where there is none)."""
    rows = lines_of("dates.jsonl")
    return {"n": len(rows), "right": sum(find_date(row["text"]) == row["date"] for row in rows)}


def main() -> None:
    """Measure everything and write the results."""
    texts = {half: summed([ours(sample) for sample in samples(DATA / "texts" / half)]) for half in ("dev", "held")}
    result = {
        "pages": measure_pages(),
        "texts": texts,
        "sentences": measure_sentences(),
        "voice": measure_voice(),
        "language": measure_language(),
        "dates": measure_dates(),
    }
    path = ROOT / "experiments/ingest.json"
    path.write_text(json.dumps(result, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
