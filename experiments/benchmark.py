"""Measure speed and memory of what a user runs, each beside the obvious alternative; write experiments/benchmark.json.

    python experiments/benchmark.py [--data ../shared/data] [--only pipeline scoring real_article encoder runtimes precision ingest]

Machines are noisy: every time is the median of its runs, and comparisons are taken in one process, turn by turn.
"""

import argparse
import gzip
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

SECTIONS = ["pipeline", "scoring", "real_article", "encoder", "runtimes", "precision", "ingest"]
ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}


def seconds(action: Callable[[], object], runs: int = 1) -> float:
    """Return the median wall time of an action."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return median(times)


def command(*arguments: str, cwd: Path) -> None:
    """Run a command of this environment."""
    subprocess.run(arguments, cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True)


def peak_memory(*arguments: str, cwd: Path) -> tuple[float, float]:
    """Run a command; return its wall seconds and its peak resident memory in MiB."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):
        raise SystemExit(f"{arguments} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def copy_of_repository(folder: Path) -> Path:
    """Clone what git has of this repository, so that nothing made before is there."""
    target = folder / "wijha"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(target)], check=True)
    return target


def measure_pipeline(project: Path) -> dict[str, float]:
    """Time `dvc repro` from nothing and with nothing to do, and the start of the command."""
    first = seconds(lambda: command("dvc", "repro", cwd=project))
    return {
        "repro_s": round(first, 1),
        "repro_again_s": round(seconds(lambda: command("dvc", "repro", cwd=project), runs=3), 2),
        "help_s": round(seconds(lambda: command("wijha", "--help", cwd=project), runs=5), 3),
        "bare_python_s": round(seconds(lambda: command("python", "-c", "", cwd=project), runs=5), 3),
    }


def measure_scoring(project: Path, articles: Path, counts: Iterable[int]) -> list[dict[str, float]]:
    """Score the first n articles of a JSON Lines file in fresh processes."""
    results = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "articles.jsonl"
            with gzip.open(articles, "rt", encoding="utf-8") as lines, part.open("w", encoding="utf-8") as target:
                target.writelines(itertools.islice(lines, count))
            took, memory = peak_memory("wijha", "score", str(part), "-o", f"{folder}/out", "--quiet", cwd=project)
            rejects = _reject_counts(Path(folder) / "out/rejects.parquet")
        row = {"articles": count, "seconds": round(took, 1), "articles_per_s": round(count / took), "peak_mib": round(memory)}
        results.append({**row, "rejects": rejects})
    return results


def _reject_counts(path: Path) -> dict[str, int]:
    import pyarrow.parquet as pq

    reasons = pq.read_table(path)["reason"].to_pylist()
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def measure_real_article(project: Path, folder: Path) -> dict[str, dict[str, object]]:
    """Score the real article that the project started from; its text stays where it is."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as out:
        command("wijha", "score", str(folder), "-o", out, "--quiet", cwd=project)
        rows = pq.read_table(Path(out) / "article_stance.parquet").to_pylist()
    return {
        row["actor"]: {
            "stance": row["stance"],
            "score": round(row["score"], 2),
            "p": round(row[f"p_{row['stance']}"], 2),
            "n_instances": row["n_instances"],
        }
        for row in rows
    }


def measure_encoder(project: Path) -> dict[str, object]:
    """Encode and label the instances of the sample: ours, and the TF-IDF and logistic regression that one would take first."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    from pipeline import schema, tables
    from pipeline.instances import instances_from
    from pipeline.score import Scorer
    from pipeline.workspace import Workspace

    workspace = Workspace(project)
    scorer = Scorer.load(workspace)
    rows = tables.read(workspace.table("instances"), schema.INSTANCES).to_pylist()
    instances, texts, actors = instances_from(rows), [row["text"] for row in rows], [row["actor"] for row in rows]
    words = TfidfVectorizer(sublinear_tf=True).fit(texts)
    chars = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2).fit(texts)
    model = LogisticRegression(max_iter=200).fit(hstack([words.transform(texts), chars.transform(texts)]), actors)
    times: dict[str, list[float]] = {"wijha": [], "scikit-learn": []}
    for _ in range(3):
        times["wijha"].append(seconds(lambda: scorer.model.stance.predict(scorer.encoder.encode(instances), actors)))
        times["scikit-learn"].append(seconds(lambda: model.predict_proba(hstack([words.transform(texts), chars.transform(texts)]))))
    per_s = {name: round(len(texts) / median(runs)) for name, runs in times.items()}
    return {"instances": len(texts), "per_s": per_s, "train_s": round(seconds(lambda: command("wijha", "stage", "train", cwd=project)), 1)}


def measure_ingest(project: Path, articles: Path, counts: list[int], package: str | None) -> dict[str, object]:
    """Measure everything up to the instances."""
    import benchmark_ingest as ingest

    texts = ingest.texts_of(articles)
    return {
        "normalisation": ingest.measure_normalisation(texts, package),
        "path": ingest.measure_path(articles),
        "signatures": ingest.measure_signatures(texts[:2000]),
        "sentences": ingest.measure_sentences(texts[:1000]),
        "memory": ingest.measure_memory(project, articles, counts, peak_memory),
    }


def main() -> None:
    """Run every measurement and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data", help="folder with ant/ and seed/")
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10000])
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=SECTIONS, help="measure these sections anew, keep the others")
    parser.add_argument("--arabert", help="a Python that has the package arabert 1.0.1, to compare with")
    arguments = parser.parse_args()
    data = arguments.data.resolve()
    path = ROOT / "experiments/benchmark.json"
    result = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    result["machine"] = {"cpus": os.cpu_count(), "python": platform.python_version(), "cpu": platform.processor()}
    with tempfile.TemporaryDirectory() as folder:
        project = copy_of_repository(Path(folder))
        if "pipeline" in arguments.only:
            result["pipeline"] = measure_pipeline(project)
        elif {"scoring", "real_article", "encoder", "precision"} & set(arguments.only):
            command("dvc", "repro", cwd=project)
        if "encoder" in arguments.only:
            result["encoder"] = measure_encoder(project)
        if not data.is_dir():
            raise SystemExit(f"no {data}: nothing else can be measured; name the folder with --data")
        articles = data / "ant/articles.jsonl.gz"
        if "scoring" in arguments.only:
            result["scoring"] = measure_scoring(project, articles, arguments.counts)
        if "real_article" in arguments.only:
            result["real_article"] = measure_real_article(project, data / "seed")
        if "runtimes" in arguments.only:
            import benchmark_encoder

            result["runtimes"] = benchmark_encoder.measure_runtimes(articles, Path(folder))
        if "precision" in arguments.only:
            import benchmark_precision

            result["precision"] = benchmark_precision.measure_precision(project, articles, Path(folder), ENVIRONMENT)
        if "ingest" in arguments.only:
            result["ingest"] = measure_ingest(project, articles, arguments.counts, arguments.arabert)
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
