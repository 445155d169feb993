"""Fill the blocks between `<!-- name -->` and `<!-- /name -->` of the documents from measured files; `--check` only compares.

    python experiments/render.py [--check]

Run it after `dvc repro` and, for the speed block, after `experiments/benchmark.py`.
"""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from pipeline.behaviour import TESTS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "sample/pages/b9-02.html"


def interval(score: dict[str, float]) -> str:
    """Write a score with its interval."""
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def table(header: list[str], rows: list[list[Any]]) -> str:
    """Write a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def results() -> str:
    """Write the headline figures of the last reproduction."""
    m = json.loads((ROOT / "experiments/metrics.json").read_text(encoding="utf-8"))
    scored = [("**stance of a sentence toward an actor**", m["stance"])]
    scored += [(f"... toward `{actor}`", s) for actor, s in m["stance"]["per_actor"].items()]
    scored += [(f"baseline: {name}", s) for name, s in m["stance"]["baselines"].items()]
    shared, unseen = m["stance"]["other_actor_named"], m["stance"]["unseen_actor"]
    scored += [
        ("sentences that name another actor too: model", shared["model"]),
        ("sentences that name another actor too: tfidf", shared["tfidf"]),
        ("**an actor that it never saw**: fitted on the labels of the others", unseen),
        *((f"... `{actor}`", s) for actor, s in unseen["per_actor"].items()),
    ]
    article = m["article"]
    scored += [
        ("**stance of an article toward an actor**, against readers of the whole article", article["against_readers"]),
        ("... what perfect sentence labels would reach there", article["rule_against_readers"]),
        ("**sentiment of a sentence**", m["sentiment"]),
    ]
    rows = [[n, interval(s["macro_f1"]), interval(s["f1_favor_against"]) if "f1_favor_against" in s else "", s["n"]] for n, s in scored]
    found, agreed, given = m["matcher"], m["agreement"], m["stance"]["abstention"]
    return (
        f"Default encoder, {m['stance']['n']} gold instances of the sample corpus, out of fold, 95 % intervals over "
        "clusters of articles:\n\n"
        + table(["", "macro-F1", "mean F1 of favor and against", "n"], rows)
        + f"\n\nExpected calibration error {interval(m['stance']['ece'])}, of an actor that it never saw {interval(unseen['ece'])}. "
        f"With labels abstained for a risk of {given['target_risk']}, {given['coverage']['value']:.1%} are given and "
        f"{interval(given['risk'])} of these are wrong. The matcher finds {found['found']:.1%} of "
        f"{found['mentions']} gold mentions and leaves out {found['left_out']:.1%} of {found['not_actor']} names that denote "
        "somebody else. "
        f"Agreement of the two annotators (both a language model): Krippendorff's alpha {agreed['stance_alpha']:.2f} for stance, "
        f"{agreed['sentiment_alpha']:.2f} for sentiment."
    )


def behaviour() -> str:
    """Write the rates of right behaviour."""
    found = json.loads((ROOT / "experiments/metrics.json").read_text(encoding="utf-8"))["behaviour"]
    outcomes = ("labels_right", "moves_right", "stays")
    rows = [
        [name.replace("_", " "), test.about, found[name]["n"], *(interval(found[name][o]) if o in found[name] else "" for o in outcomes)]
        for name, test in TESTS.items()
        if name in found
    ]
    return table(["test", "what it is", "cases", "label right", "moves the right way", "label stays"], rows)


def comparison() -> str:
    """Write how each variant of features and heads compares with the default."""
    found = json.loads((ROOT / "experiments/compare/results.json").read_text(encoding="utf-8"))
    variants = yaml.safe_load((ROOT / "experiments/compare/params.yaml").read_text(encoding="utf-8"))["variants"]
    views = ("macro_f1", "other_actor_named", "unseen_actor")
    rows = []
    for name, scores in found.items():
        cells = [
            f"{scores[view]['value']:.3f}"
            if name == "default"
            else f"{scores[view]['value']:.3f} ({_signed(scores[f'{view}_difference'])})"
            for view in views
        ]
        kept = " / ".join(f"{scores['behaviour'][test]['stays']['value']:.1%}" for test in ("alias", "alias_swap"))
        rows.append([f"`{name}`", variants[name]["about"], *cells, kept, f"{scores['ece']['value']:.3f}"])
    default = found["default"]
    return (
        f"{default['n']} gold instances. The default has a macro-F1 of {interval(default['macro_f1'])}, of "
        f"{interval(default['other_actor_named'])} where another actor is named, and of {interval(default['unseen_actor'])} toward an "
        "actor that it never saw. In brackets the difference from it with its interval; in bold where that does not hold zero. "
        '"Label kept": in the behavioural cases whose actor gets another of its names, by hand and by rule.\n\n'
        + table(["variant", "what differs", "macro-F1", "another actor named", "actor never seen", "label kept", "calibration error"], rows)
    )


def _signed(score: dict[str, float]) -> str:
    text = f"{score['value']:+.3f} [{score['low']:+.3f}, {score['high']:+.3f}]"
    return f"**{text}**" if score["low"] * score["high"] > 0 else text


PUBLIC_MEASURES = (
    ("mawqif", "Mawqif, stance of tweets", "mean F1 of favor and against, mean of the targets", "wijha", "f1_mean_of_targets"),
    ("mawqif", "... toward a target that it never saw", "the same", "wijha_unseen_target", "f1_mean_of_targets"),
    ("arsarcasm", "ArSarcasm-v2, sentiment of tweets", "mean F1 of positive and negative", "wijha", "f1_pn"),
    ("ans", "ANS, stance of a headline toward another", "macro-F1", "wijha", "macro_f1"),
    ("unifiedfc", "Unified corpus, stance of an article toward a claim", "weighted accuracy", "wijha", "weighted_accuracy"),
)


def public() -> str:
    """Write the headline figures of the public benchmarks."""
    rows = []
    for folder, name, measure, system, key in PUBLIC_MEASURES:
        scores = json.loads((ROOT / f"experiments/public/{folder}/results.json").read_text(encoding="utf-8"))["scores"]
        baselines = [scores[b][key]["value"] for b in ("tfidf_chars", "tfidf") if b in scores and system == "wijha"]
        rows.append([name, measure, interval(scores[system][key]), f"{baselines[0]:.3f}" if baselines else ""])
    return table(["", "measure", "wijha", "TF-IDF"], rows)


def texts() -> str:
    """Write how the model does on real texts that it was not made from."""
    d = json.loads((ROOT / "experiments/real_texts.json").read_text(encoding="utf-8"))
    rows = [[f"`{a}`", interval(s["macro_f1"]), *(s["counts"][v] for v in ("favor", "neutral", "against"))] for a, s in d["stance"].items()]
    found = d["matcher"]
    return (
        "The same model on real Libyan sentences and tweets, which it was not trained on and which are not in this repository "
        f"(`python experiments/real_texts.py`): the matcher finds {found['found']:.1%} of {found['mentions']} mentions and leaves out "
        f"{found['left_out']:.1%} of {found['not_actor']} names of others.\n\n"
        + table(["toward", "macro-F1", "favor", "neutral", "against"], rows)
        + "\n\nThe three right columns count the texts: with so few that take a side toward the armed groups or the UN, those two scores "
        "say little. The matcher and the weights of the features were developed with this file in view, so all of it is optimistic."
    )


def speed() -> str:
    """Write what the benchmark measured."""
    b = json.loads((ROOT / "experiments/benchmark.json").read_text(encoding="utf-8"))
    p = b["pipeline"]
    rows = [
        ["`dvc repro` on the sample corpus, from nothing", f"{p['repro_s']} s"],
        ["`dvc repro` with nothing to do", f"{p['repro_again_s']} s"],
        ["`wijha --help` (a bare `python` start)", f"{p['help_s']} s ({p['bare_python_s']} s)"],
    ]
    rows += [
        [f"`wijha score`, {s['articles']:,} news articles", f"{s['articles_per_s']} articles/s, peak memory {s['peak_mib']} MiB"]
        for s in b.get("scoring", [])
    ]
    if e := b.get("encoder"):
        ours, other = e["per_s"]["wijha"], e["per_s"]["scikit-learn"]
        rows += [
            ["encode and label instances (TF-IDF of words and characters, logistic regression)", f"{ours:,} ({other:,}) a second"],
            ["`train`: all heads, cross-validation, actors left out", f"{e['train_s']} s"],
        ]
    return f"Measured by `make benchmark` on {b['machine']['cpus']} CPU cores:\n\n" + table(["", "measured"], rows)


def ingest() -> str:
    """Write how well scrapes are read."""
    d = json.loads((ROOT / "experiments/ingest.json").read_text(encoding="utf-8"))
    pages = d["pages"]
    rows = [
        [f"**wijha**, {name}", *_page_cells(pages["wijha"][half])] for half, name in (("all", "all pages"), ("held", "the half held out"))
    ]
    rows += [[name, *_page_cells(found["all"])] for name, found in pages.items() if name != "wijha"]
    split = [[name, *(f"{found[half]['f1']:.3f}" for half in ("dev", "held"))] for name, found in d["sentences"].items()]
    voice, language, texts = d["voice"], d["language"], d["texts"]
    counts = [d["sentences"]["wijha"][half]["n"] for half in ("dev", "held")]
    return (
        f"Of {pages['wijha']['all']['n']} pages, of which each names the phrases that its article must have and those that it must not:\n\n"
        + table(["", "article right", "required phrases kept", "debris left", "title", "date"], rows)
        + f"\n\nIn page dumps as plain text ({texts['dev']['n'] + texts['held']['n']}), where no markup helps, "
        f"{texts['dev']['kept']:.1%} and {texts['held']['kept']:.1%} of the required phrases are kept (developed on, held out) and "
        f"{texts['dev']['left']:.1%} and {texts['held']['left']:.1%} of the debris is left.\n\n"
        f"Sentence boundaries, F1 on {counts[0]} and {counts[1]} hand-marked ones:\n\n"
        + table(["", "developed on", "held out"], split)
        + f"\n\nThe voice of a sentence (outlet or quoted) is right for {voice['dev']['accuracy']:.1%} and "
        f"{voice['held']['accuracy']:.1%}. {language['kept']} of {language['arabic']} Arabic texts chosen to be hard are kept and "
        f"{language['rejected']} of {language['other']} Persian, Urdu, Pashto, Sorani, Latin and other texts rejected. "
        f"{d['dates']['right']} of {d['dates']['n']} dates are read right."
    )


def _page_cells(found: dict[str, Any]) -> list[str]:
    rest = [f"{found[name]:.0%}" if name in found else "" for name in ("title", "date")]
    return [f"{found['body']:.0%}", f"{found['kept']:.1%}", f"{found['left']:.1%}", *rest]


def ingest_speed() -> str:
    """Write what the benchmark measured of ingest."""
    d = json.loads((ROOT / "experiments/benchmark.json").read_text(encoding="utf-8"))["ingest"]
    n, path, memory = d["normalisation"], d["path"], d["memory"]
    per_s = n["per_s"]
    rows = [
        ["AraBERT's v02 preprocessing: ours", f"{per_s['wijha']:,} articles/s"],
        ["... its rules, one `re.sub` after another", f"{per_s['re.sub after re.sub']:,} articles/s ({n['ratio']:.1f} times)"],
    ]
    if "equal_to_package" in n:
        rows.append(
            [
                "... the package `arabert` 1.0.1",
                f"{per_s['arabert 1.0.1']:,} articles/s ({n['ratio_to_package']:.1f} times); {n['equal_to_package']:.2%} of outputs equal",
            ]
        )
    sentences = d["sentences"]
    rows += [
        ["scrape to instances, plain text, one process", f"{path['workers_1_per_s']:,} articles/s"],
        ["... two processes", f"{path['workers_2_per_s']:,} articles/s"],
        *([f"`preprocess`, {m['articles']:,} articles", f"{m['seconds']} s, peak memory {m['peak_mib']} MiB"] for m in memory),
        [
            "MinHash signatures: rensa (datasketch)",
            f"{d['signatures']['per_s']['rensa']:,} ({d['signatures']['per_s']['datasketch']:,}) articles/s",
        ],
        ["sentences and voice (pysbd: sentences)", f"{sentences['wijha, with voice']:,} ({sentences['pysbd']:,}) articles/s"],
    ]
    return f"{n['articles']:,} news articles, {path['rejected']} of them duplicates:\n\n" + table(["", "measured"], rows)


CONTENDERS = {
    "pipeline": "Hugging Face `pipeline`, batches of 32",
    "sentence-transformers": "sentence-transformers, batches of 32",
    "torch-fp32": "**wijha**, `torch`, fp32",
    "torch-auto": "**wijha**, `torch`",
    "openvino-fp32": "**wijha**, `openvino`, fp32",
    "openvino-auto": "**wijha**, `openvino`, the default",
    "openvino-int8": "**wijha**, `openvino`, int8",
}


def runtimes() -> str:
    """Write how fast a BERT-base is under each runtime, beside what one would take first."""
    found = json.loads((ROOT / "experiments/benchmark.json").read_text(encoding="utf-8"))
    n, machine = found["runtimes"], found["machine"]
    rows = []
    for name, label in CONTENDERS.items():
        c = n["contenders"][name]
        precision = c.get("runtime", "fp32").rsplit(":", 1)[-1]
        away = f"{c['one_minus_cosine']:.0e}" if "one_minus_cosine" in c else ""
        bits = f"{c['same_bits']:.0%}" if "same_bits" in c else ""
        times = [f"{c[f'times_{other}']:.1f}" for other in ("pipeline", "sentence-transformers")]
        share = f"{c['share_of_peak']:.0%}" if "share_of_peak" in c else ""
        rows.append([label, precision, c["per_s"], *times, c["gflops"], share, f"{c['padding']:.0%}", c["peak_mib"], away, bits])
    peaks = n["gemm_peak_gflops"]
    header = ["", "precision", "sentences/s", "times pipeline", "times s.-t.", "GFLOP/s", "of the peak", "padding", "peak MiB"]
    return (
        f"BERT-base (random weights: speed does not depend on them), {n['sentences']:,} news sentences on {machine['cpus']} CPU cores, "
        f"text in and vectors out. Matrix products alone reach {peaks['fp32']} GFLOP/s in fp32 and {peaks['bf16']} in bf16 here "
        "(`python experiments/benchmark.py --only runtimes`):\n\n"
        + table([*header, "1 - cosine", "same bits"], rows)
        + "\n\n`1 - cosine`: the farthest of all vectors from fp32. `same bits`: rows that another order, subset and batch budget leave "
        "as they are."
    )


def precision() -> str:
    """Write what bf16 and int8 cost in stance."""
    found = json.loads((ROOT / "experiments/benchmark.json").read_text(encoding="utf-8"))["precision"]
    rows = [
        [
            name,
            interval(found[name]["macro_f1"]),
            _signed(found[name]["difference"]) if name != "fp32" else "",
            f"{found[name]['least_cosine']:.5f}",
        ]
        for name in ("fp32", "bf16", "int8")
    ]
    before, after = (found["perplexity"][name] for name in ("before", "after"))
    return (
        "What a precision costs in stance: linear heads on a tiny model with real weights (pre-trained on news, perplexity "
        f"{before:,.0f} to {after:,.0f}; `python experiments/benchmark.py --only precision`). What it costs AraBERT on your labels, "
        "`dvc repro` and `dvc metrics diff` say after a change of `precision`.\n\n"
        + table(["", "macro-F1 of the sample, out of fold", "difference from fp32", "least cosine of the probe"], rows)
    )


def stance_rows(rows: list[dict[str, Any]]) -> list[list[Any]]:
    """Write article stances as table rows without text."""
    return [[f"`{r['actor']}`", f"**{r['stance']}**", f"{round(r['score'], 2) + 0:+.2f}", f"{r['p']:.2f}", r["n_instances"]] for r in rows]


def real() -> str:
    """Write what was found in the real article."""
    found = json.loads((ROOT / "experiments/benchmark.json").read_text(encoding="utf-8"))["real_article"]
    return table(["actor", "stance", "score", "p", "sentences"], stance_rows([{"actor": a, **r} for a, r in found.items()]))


def example() -> str:
    """Write what was found in one article of the sample, with its first evidence sentence."""
    articles = {a["source_path"]: a for a in pq.read_table(ROOT / "data/tables/articles.parquet").to_pylist()}
    article = articles[EXAMPLE]
    stances = pq.read_table(ROOT / "data/tables/article_stance.parquet").to_pylist()
    mine = [{**s, "p": s[f"p_{s['stance']}"]} for s in stances if s["article_id"] == article["article_id"]]
    rows = [[*line, s["evidence_text"][0]] for line, s in zip(stance_rows(mine), mine, strict=True)]
    header = ["actor", "stance", "score", "p", "sentences", "first evidence"]
    return f"`data/raw/{EXAMPLE}`, «{article['title']}»:\n\n" + table(header, rows)


def counts() -> str:
    """Count the sample corpus and its gold labels."""
    articles = pq.read_table(ROOT / "data/tables/articles.parquet").to_pylist()
    gold = pq.read_table(ROOT / "data/tables/gold_instances.parquet").to_pylist()
    judgements = sum(len(list(csv.DictReader(f.open(encoding="utf-8")))) for f in sorted((ROOT / "data/gold").glob("*.csv")))
    cells = Counter((g["actor"], g["stance"]) for g in gold)
    posts = sum(a["source_path"].startswith("sample/posts/") for a in articles)
    values = ["favor", "neutral", "against", "not_actor"]
    rows = [[f"`{actor}`", *(cells[actor, v] for v in values)] for actor in sorted({a for a, _ in cells})]
    rows.append(["all", *(sum(cells[a, v] for a in {a for a, _ in cells}) for v in values)])
    outlets = len({a["outlet"] for a in articles if not a["source_path"].startswith("sample/posts/")})
    return (
        f"{len(articles) - posts} articles of {outlets} outlets, {posts} posts and single sentences; "
        f"{judgements} judgements of {len(gold)} items "
        "(a text and an actor), settled as:\n\n" + table(["actor", *values], rows)
    )


BLOCKS = {
    "README.md": [example, real, results, texts, public, behaviour, ingest, speed, ingest_speed, runtimes, precision],
    "data/DATA_CARD.md": [counts],
    "experiments/MODEL_CARD.md": [results],
    "experiments/compare/README.md": [comparison],
}


def rendered(path: Path, blocks: list[Any]) -> str:
    """Return a document with its blocks filled."""
    text = path.read_text(encoding="utf-8")
    for block in blocks:
        begin, end = f"<!-- {block.__name__} -->\n", f"<!-- /{block.__name__} -->"
        head, found, rest = text.partition(begin)
        _, closed, tail = rest.partition(end)
        if not found or not closed:
            raise SystemExit(f"{path} has no block {begin.strip()} ... {end}")
        text = f"{head}{begin}{block()}\n{end}{tail}"
    return text


def main() -> None:
    """Render every document, or say which is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a document is out of date")
    check = parser.parse_args().check
    stale = []
    for name, blocks in BLOCKS.items():
        text = rendered(ROOT / name, blocks)
        if text != (ROOT / name).read_text(encoding="utf-8"):
            stale.append(name)
            if not check:
                (ROOT / name).write_text(text, encoding="utf-8")
    if check and stale:
        raise SystemExit(f"out of date: {', '.join(stale)}; run python experiments/render.py")


if __name__ == "__main__":
    main()
