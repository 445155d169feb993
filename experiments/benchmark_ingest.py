"""Speed and memory of ingest, for benchmark.py: normalisation, the plain-text path, signatures, sentences.

Alternatives run turn by turn with ours in one process; the published `arabert` package, which does not install beside the rest, in the
Python that `--arabert` names.
"""

import gzip
import itertools
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pipeline.actors import ActorSet  # noqa: E402
from pipeline.arabic import arabert, arabert_mapped, arabert_rules, fold  # noqa: E402
from pipeline.dedup import PERMUTATIONS, signature  # noqa: E402
from pipeline.prepare import Prepared, prepare  # noqa: E402
from pipeline.readers import find_sources, read_sources  # noqa: E402
from pipeline.sentences import split_sentences  # noqa: E402
from pipeline.stages.preprocess import Params  # noqa: E402

RUNS = 3
ARABERT = """
import json, sys, time
from arabert.preprocess import ArabertPreprocessor
texts = json.load(open(sys.argv[1], encoding="utf-8"))
preprocess = ArabertPreprocessor("bert-base-arabertv02").preprocess
start = time.perf_counter()
done = [preprocess(text) for text in texts]
json.dump({"seconds": time.perf_counter() - start, "texts": done}, open(sys.argv[2], "w", encoding="utf-8"))
"""


def texts_of(articles: Path, count: int | None = None) -> list[str]:
    """Return the texts of a JSON Lines file of articles."""
    with gzip.open(articles, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in itertools.islice(lines, count)]


def rates(actions: dict[str, Callable[[str], object]], texts: Sequence[str]) -> dict[str, int]:
    """Return texts a second of each action, the median of turns taken one after another."""
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(RUNS):
        for name, action in actions.items():
            start = time.perf_counter()
            for text in texts:
                action(text)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(len(texts) / median(times)) for name, times in seconds.items()}


def straightforward() -> Callable[[str], str]:
    """Return AraBERT's v02 rules as one writes them first: one `re.sub` after another."""
    rules = [(rule.pattern.pattern, rule) for rule in arabert_rules()]

    def normalise(text: str) -> str:
        for pattern, rule in rules:
            if callable(rule.template):
                rewrite = rule.template
                text = re.sub(pattern, lambda match, rewrite=rewrite: rewrite(match[0]), text)
            else:
                text = re.sub(pattern, "".join(part if isinstance(part, str) else f"\\{part}" for part in rule.template), text)
        return " ".join(text.replace("\ufe0f", "").split())

    return normalise


def measure_normalisation(texts: Sequence[str], package: str | None) -> dict[str, Any]:
    """Compare AraBERT's preprocessing: ours, the rules one after another, and the published package."""
    naive = straightforward()
    actions: dict[str, Callable[[str], object]] = {
        "wijha": arabert,
        "re.sub after re.sub": naive,
        "wijha, with offsets": arabert_mapped,
        "fold": fold,
    }
    found = rates(actions, texts)
    result: dict[str, Any] = {
        "articles": len(texts),
        "per_s": found,
        "ratio": round(found["wijha"] / found["re.sub after re.sub"], 2),
        "equal_to_rules": round(sum(arabert(text) == naive(text) for text in texts) / len(texts), 5),
    }
    if package:
        seconds, done = _by_package(texts, package)
        result["per_s"]["arabert 1.0.1"] = round(len(texts) / seconds)
        result["ratio_to_package"] = round(found["wijha"] * seconds / len(texts), 2)
        result["equal_to_package"] = round(sum(arabert(text) == other for text, other in zip(texts, done, strict=True)) / len(texts), 5)
    return result


def _by_package(texts: Sequence[str], package: str) -> tuple[float, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "in.json", Path(folder) / "out.json"
        given.write_text(json.dumps(list(texts)), encoding="utf-8")
        runs = []
        for _ in range(RUNS):
            subprocess.run([package, "-c", ARABERT, str(given), str(taken)], check=True, capture_output=True)
            runs.append(json.loads(taken.read_text(encoding="utf-8")))
    return median(run["seconds"] for run in runs), runs[0]["texts"]


def measure_path(articles: Path) -> dict[str, Any]:
    """Time the whole plain-text path (decode, clean, fold, sentences, voice, mentions, hashes) in one process and in two."""
    actors, params = ActorSet.load(ROOT / "configs/actors/libya.yaml"), Params()
    sources = find_sources([articles])
    result: dict[str, Any] = {}
    for workers in (1, 2):
        times, kept = [], 0
        for _ in range(RUNS):
            start = time.perf_counter()
            outcomes = prepare(read_sources(sources, params.read, params.field_names), actors, params.clean, workers)
            kinds = [isinstance(outcome, Prepared) for outcome in outcomes]
            times.append(time.perf_counter() - start)
            kept = sum(kinds)
        result[f"workers_{workers}_per_s"] = round(len(kinds) / median(times))
        result["kept"], result["rejected"] = kept, len(kinds) - kept
    return result


def measure_signatures(texts: Sequence[str]) -> dict[str, Any]:
    """Compare MinHash libraries: texts a second, and the mean error of the similarity that they estimate for near-copies."""
    from datasketch import MinHash

    def by_datasketch(folded: str) -> MinHash:
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([shingle.encode() for shingle in _shingles(folded)])
        return sketch

    folded = [fold(text).text for text in texts]
    errors: dict[str, list[float]] = {"rensa": [], "datasketch": []}
    for text in folded[:500]:
        words = text.split()
        copy = " ".join(word for i, word in enumerate(words) if i % 25)  # a near-copy: every 25th word is missing
        ours, theirs = set(_shingles(text)), set(_shingles(copy))
        true = len(ours & theirs) / len(ours | theirs)
        errors["rensa"].append(abs(float((signature(text) == signature(copy)).mean()) - true))
        errors["datasketch"].append(abs(by_datasketch(text).jaccard(by_datasketch(copy)) - true))
    per_s = rates({"rensa": signature, "datasketch": by_datasketch}, folded)
    return {"per_s": per_s, "mean_error": {name: round(sum(found) / len(found), 4) for name, found in errors.items()}}


def _shingles(folded: str) -> list[str]:
    words = folded.split()
    return [" ".join(three) for three in zip(words, words[1:], words[2:], strict=False)] or [folded]


def measure_sentences(texts: Sequence[str]) -> dict[str, int]:
    """Compare sentence splitters."""
    import pysbd

    return rates({"wijha, with voice": split_sentences, "pysbd": pysbd.Segmenter(language="ar", clean=False).segment}, texts)


def measure_memory(
    project: Path, articles: Path, counts: Iterable[int], peak: Callable[..., tuple[float, float]]
) -> list[dict[str, float]]:
    """Preprocess the first n articles in fresh processes and return seconds and peak memory."""
    results = []
    raw = project / "data/raw"
    aside = raw.rename(project / "data/raw-aside")
    for count in counts:
        raw.mkdir()
        with gzip.open(articles, "rt", encoding="utf-8") as lines, (raw / "articles.jsonl").open("w", encoding="utf-8") as target:
            target.writelines(itertools.islice(lines, count))
        took, memory = peak("python", "-m", "pipeline", "stage", "preprocess", cwd=project)
        results.append({"articles": count, "seconds": round(took, 1), "peak_mib": round(memory)})
        (raw / "articles.jsonl").unlink()
        raw.rmdir()
    aside.rename(raw)
    return results
