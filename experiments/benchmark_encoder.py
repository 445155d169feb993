"""Measure the transformer's runtimes beside what one would take first: Hugging Face's pipeline and sentence-transformers, batches of 32.

A part of benchmark.py. BERT-base with random weights (speed does not depend on them) and a vocabulary of the corpus; each contender in a
process of its own, turn by turn, text in and pooled vectors out. A contender runs by hand as

    python experiments/benchmark_encoder.py openvino-auto FOLDER
"""

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

LAYERS, HIDDEN, VOCABULARY = 12, 768, 64_000
SENTENCES = 2_000
ROUNDS = {
    "pipeline": 1,
    "sentence-transformers": 3,
    "torch-fp32": 1,
    "torch-auto": 3,
    "openvino-fp32": 3,
    "openvino-auto": 3,
    "openvino-int8": 3,
}
REFERENCE = "torch-fp32"
GEMM_ROWS = (1024, 2048, 4096)


def measure_runtimes(articles: Path, folder: Path) -> dict[str, Any]:
    """Run every contender in turn, as often as `ROUNDS` says; return medians, and ratios to the two alternatives."""
    make_checkpoint(articles, folder / "bert-base")
    (folder / "sentences.json").write_text(json.dumps(sentences_of(articles, SENTENCES), ensure_ascii=False), encoding="utf-8")
    for name in ROUNDS:
        if name.startswith("openvino"):
            contend(name, folder, encode=False)  # exports the graph and checks it, which is timed below
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ROUNDS}
    for turn in range(max(ROUNDS.values())):
        for name, rounds in ROUNDS.items():
            if turn < rounds:
                runs[name].append(contend(name, folder))
                print(name, runs[name][-1], file=sys.stderr, flush=True)
    peaks = gemm_peaks()
    vectors = {name: np.load(folder / f"{name}.npy").astype(np.float64) for name in ROUNDS if (folder / f"{name}.npy").is_file()}
    result = {name: summary(name, found, peaks, vectors) for name, found in runs.items()}
    for found in result.values():
        for other in ("pipeline", "sentence-transformers"):
            found[f"times_{other}"] = round(found["per_s"] / result[other]["per_s"], 2)
    return {"sentences": SENTENCES, "gemm_peak_gflops": peaks, "contenders": result}


def summary(name: str, runs: list[dict[str, Any]], peaks: dict[str, float], vectors: dict[str, np.ndarray]) -> dict[str, Any]:
    """Return what the runs of one contender come to."""
    per_s = median(run["per_s"] for run in runs)
    gflops = per_s * runs[0]["gflop"] / SENTENCES
    found = {key: value for key, value in runs[0].items() if key in ("runtime", "padding", "same_bits", "parity", "load_s")}
    found |= {"per_s": round(per_s, 1), "range": [round(f([run["per_s"] for run in runs]), 1) for f in (min, max)]}
    found |= {"gflops": round(gflops), "peak_mib": max(run["peak_mib"] for run in runs)}
    precision = next((kind for kind in ("int8", "bf16") if kind in runs[0].get("runtime", "")), "fp32")
    if precision in peaks:
        found["share_of_peak"] = round(gflops / peaks[precision], 3)
    if name in vectors and REFERENCE in vectors:
        left, right = vectors[REFERENCE], vectors[name]
        mean = left.mean(0)
        found |= {
            "one_minus_cosine": float(1 - least_cosine(left, right)),
            "centred_cosine": float(least_cosine(left - mean, right - mean)),
        }
    return found


def least_cosine(left: np.ndarray, right: np.ndarray) -> float:
    """Return the least cosine of any pair of rows."""
    return float(((left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)).min())


def gflop_of(lengths: list[int]) -> float:
    """Return the operations of sequences, in 1e9: a token and layer take 24 h^2 in projections and feed-forward, 4 h n in attention."""
    return sum(LAYERS * (24 * HIDDEN**2 * n + 4 * HIDDEN * n * n) for n in lengths) / 1e9


def gemm_peaks() -> dict[str, float]:
    """Return the best rate of BERT's matrix products alone, by precision, of OpenVINO and PyTorch, in GFLOP/s."""
    done = subprocess.run([sys.executable, __file__, "gemm"], capture_output=True, text=True, check=True, env=environment())
    return json.loads(done.stdout.splitlines()[-1])


def contend(name: str, folder: Path, encode: bool = True) -> dict[str, Any]:
    """Run one contender in a process of its own."""
    mode = [] if encode else ["load"]
    done = subprocess.run(
        [sys.executable, __file__, name, str(folder), *mode], capture_output=True, text=True, check=False, env=environment()
    )
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def environment() -> dict[str, str]:
    return {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", "CI": "true", "OMP_NUM_THREADS": str(os.cpu_count())}


# --- in a contender's process ------------------------------------------------------------------------------------------------


def run_contender(name: str, folder: Path, encode: bool) -> dict[str, Any]:
    """Encode the sentences once to warm up (a part of them) and once for the clock."""
    texts = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
    start = time.perf_counter()
    if name == "pipeline":
        run, about = hugging_face(folder / "bert-base")
    elif name == "sentence-transformers":
        run, about = sentence_transformers(folder / "bert-base")
    else:
        run, about = ours(name, folder)
    about["load_s"] = round(time.perf_counter() - start, 1)
    if encode:
        run(texts[:64])
        start = time.perf_counter()
        vectors = run(texts)
        about["per_s"] = len(texts) / (time.perf_counter() - start)
        about["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        if name not in ("pipeline", "sentence-transformers"):
            np.save(folder / f"{name}.npy", vectors)
            about["same_bits"] = same_bits(name, folder, run, texts, vectors)
    return about


def same_bits(name: str, folder: Path, run: Any, texts: list[str], vectors: np.ndarray) -> float:
    """Return the share of rows that have the same bits in another order, subset and budget."""
    order = np.random.default_rng(1).permutation(len(texts))[:300]
    again = [run([texts[i] for i in order]), ours(name, folder, token_budget=700)[0]([texts[i] for i in order])]
    return float(np.mean([(made == vectors[order]).all(1).mean() for made in again]))


def ours(name: str, folder: Path, token_budget: int | None = None) -> tuple[Any, dict[str, Any]]:
    """Return our encoder with one runtime."""
    from pipeline.config import TransformerSettings
    from pipeline.encoders.tokens import tokenize
    from pipeline.encoders.transformer import TransformerEncoder
    from pipeline.instances import Instance, Span

    runtime, precision = name.split("-")
    settings = TransformerSettings.model_validate(
        {
            "kind": "transformer",
            "model": str(folder / "bert-base"),
            "runtime": runtime,
            "precision": precision,
            "token_budget": token_budget,
        }
    )
    encoder = TransformerEncoder(settings, Path("/"), folder / "store")
    texts = json.loads((folder / "sentences.json").read_text(encoding="utf-8"))
    lengths = [len(tokens.ids) + 2 for tokens in tokenize(texts, encoder._reader.checkpoint.tokenizer, "arabert")]
    about: dict[str, Any] = {"runtime": encoder.runtime, "gflop": gflop_of(lengths), "padding": 0.0}
    parity = getattr(encoder._reader.runtime, "parity", None)
    if parity:
        about["parity"] = {"least_cosine": parity.least_cosine, "least_centred": parity.least_centred, "n": parity.n}
    return lambda batch: encoder.encode([Instance(text, (Span(0, min(8, len(text))),)) for text in batch]), about


def hugging_face(checkpoint: Path) -> tuple[Any, dict[str, Any]]:
    """Return Hugging Face's pipeline with batches of 32, as its documentation begins."""
    from transformers import AutoTokenizer, pipeline

    extract = pipeline("feature-extraction", model=str(checkpoint), tokenizer=str(checkpoint), batch_size=32, device=-1)

    def run(texts: list[str]) -> np.ndarray:
        return np.stack([np.asarray(states[0], np.float32).mean(0) for states in extract(texts, truncation=True)])

    return run, padded_batches(AutoTokenizer.from_pretrained(checkpoint), checkpoint, in_order=True)


def sentence_transformers(checkpoint: Path) -> tuple[Any, dict[str, Any]]:
    """Return sentence-transformers with batches of 32, its default, which it sorts by length."""
    from sentence_transformers import SentenceTransformer, models

    words = models.Transformer(str(checkpoint), max_seq_length=512)
    model = SentenceTransformer(modules=[words, models.Pooling(HIDDEN)], device="cpu")
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False), padded_batches(model.tokenizer, checkpoint)


def padded_batches(tokenizer: Any, checkpoint: Path, in_order: bool = False) -> dict[str, Any]:
    """Return the work that is not padding, and the share of tokens that are."""
    texts = json.loads((checkpoint.parent / "sentences.json").read_text(encoding="utf-8"))
    lengths = [len(ids) for ids in tokenizer(texts, truncation=True, max_length=512)["input_ids"]]
    rows = lengths if in_order else sorted(lengths, reverse=True)
    shown = sum(max(rows[at : at + 32]) * len(rows[at : at + 32]) for at in range(0, len(rows), 32))
    return {"gflop": gflop_of(lengths), "padding": round(1 - sum(lengths) / shown, 3)}


def gemm() -> dict[str, float]:
    """Time the two products of a feed-forward layer, a few seconds each."""
    import openvino as ov
    import torch
    from openvino import opset13 as op

    best: dict[str, float] = {"fp32": 0.0, "bf16": 0.0}
    rng = np.random.default_rng(0)
    for rows in GEMM_ROWS:
        for width, out in ((HIDDEN, 4 * HIDDEN), (4 * HIDDEN, HIDDEN)):
            left = rng.standard_normal((rows, width)).astype(np.float32)
            right = rng.standard_normal((width, out)).astype(np.float32)
            given = op.parameter([rows, width], ov.Type.f32)
            graph = ov.Model([op.matmul(given, op.constant(right), False, False)], [given])
            flop = 2 * rows * width * out
            for precision, hint, kind in (("fp32", "f32", torch.float32), ("bf16", "bf16", torch.bfloat16)):
                compiled = ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint})
                request = compiled.create_infer_request()
                a, b = torch.from_numpy(left).to(kind), torch.from_numpy(right).to(kind)
                for product in (lambda: request.infer([left], share_inputs=True), lambda: a @ b):  # noqa: B023
                    best[precision] = max(best[precision], flop / fastest(product) / 1e9)
    return {precision: round(rate) for precision, rate in best.items()}


def fastest(action: Any) -> float:
    """Return the least wall time of an action, of a second of runs."""
    times, end = [], time.perf_counter() + 1
    while not times or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


# --- inputs ------------------------------------------------------------------------------------------------------------------


def sentences_of(articles: Path, n: int) -> list[str]:
    """Return the first n distinct sentences of a JSON Lines file of articles."""
    from pipeline.sentences import split_sentences

    found: dict[str, None] = {}
    with gzip.open(articles, "rt", encoding="utf-8") as lines:
        for line in lines:
            text = json.loads(line)["text"]
            found |= dict.fromkeys(text[s.start : s.end] for s in split_sentences(text))
            if len(found) >= n:
                break
    return list(found)[:n]


def make_checkpoint(articles: Path, folder: Path) -> None:
    """Make a BERT-base with random weights and a vocabulary of the corpus."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    from pipeline.arabic import arabert

    folder.mkdir(parents=True, exist_ok=True)
    pieces = BertWordPieceTokenizer(lowercase=False, strip_accents=False, clean_text=False)
    with gzip.open(articles, "rt", encoding="utf-8") as lines:
        pieces.train_from_iterator((arabert(json.loads(line)["text"]) for line in lines), vocab_size=VOCABULARY, show_progress=False)
    pieces.save_model(str(folder))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), do_lower_case=False, strip_accents=False, model_max_length=512).save_pretrained(
        folder
    )
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=pieces.get_vocab_size()), add_pooling_layer=False).save_pretrained(folder)


if __name__ == "__main__":
    print(json.dumps(gemm() if sys.argv[1] == "gemm" else run_contender(sys.argv[1], Path(sys.argv[2]), sys.argv[3:] != ["load"])))
