"""pipeline/report.py: the page of a run, with hostile texts in it."""

from pathlib import Path

from pipeline.report import render_report

SCORE = {"value": 0.5, "low": 0.4, "high": 0.6}
LABELS = {"macro_f1": SCORE, "f1_favor_against": SCORE, "accuracy": SCORE, "n": 3, "n_clusters": 2}
METRICS = {
    "stance": {
        **LABELS,
        "ece": SCORE,
        "f1": dict.fromkeys(("against", "neutral", "favor"), SCORE),
        "per_actor": {"lna": LABELS},
        "baselines": {},
        "unseen_actor": {**LABELS, "ece": SCORE, "per_actor": {"lna": LABELS}},
        "abstention": {"target_risk": 0.15, "aurc": 0.0712, "coverage": SCORE, "risk": SCORE},
    },
    "sentiment": {**LABELS, "ece": SCORE},
    "article": {"against_rule": LABELS},
    "behaviour": {"negation": {"kind": "direction", "n": 15, "labels_right": SCORE, "moves_right": SCORE}},
    "matcher": {"mentions": 3, "found": 1.0, "not_actor": 0, "left_out": None},
    "agreement": {"annotated_twice": 0, "unsettled": 0},
    "corpus": {"articles": 1, "clusters": 1, "rejects": 1, "article_stances": 1, "gold_without_article": 0},
}
EVIL = "<script>alert('حفتر')</script>"


def page(tmp_path: Path) -> str:
    article = {"article_id": "a", "title": EVIL, "body": "نص", "outlet": None, "source_path": '"><img src=x>.txt'}
    stance = {"article_id": "a", "actor": "lna", "stance": "favor", "score": 0.3, "p_against": 0.1, "p_neutral": 0.2, "p_favor": 0.7}
    stance |= {"n_instances": 1, "evidence_text": [EVIL], "abstained": False}
    reject = {"source_path": EVIL, "record_index": 0, "reason": "empty", "detail": "\u202eabc"}
    plots = {
        "confusion": [{"actual": "favor", "predicted": "favor"}],
        "reliability": [{"confidence": 0.9, "accuracy": 0.8, "count": 3}],
        "risk": [{"coverage": 0.5, "risk": 0.1, "threshold": 0.8}, {"coverage": 1.0, "risk": 0.3, "threshold": 0.4}],
    }
    render_report(tmp_path / "report.html", METRICS, plots, [article], [stance], [reject])
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def test_scraped_text_is_escaped_everywhere(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert "<script" not in html and "<img" not in html
    assert html.count("&lt;script&gt;") == 3


def test_arabic_is_right_to_left_and_bidi_controls_stay_inside_their_cell(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert 'class="ar"><b><bdi>&lt;script' in html
    assert "<bdi>\u202eabc</bdi>" in html


def test_scores_stand_with_their_intervals(tmp_path: Path) -> None:
    assert "0.500 [0.400, 0.600]" in page(tmp_path)


def test_a_run_without_second_annotator_or_false_names_renders(tmp_path: Path) -> None:
    assert "not measured: one annotator" in page(tmp_path)


def test_the_risk_curve_is_drawn_with_its_target(tmp_path: Path) -> None:
    html = page(tmp_path)
    assert 'points="135.0,130.0 235.0,10.0"' in html  # half the labels: a third of the highest risk
    assert 'y1="100.0"' in html
    assert "for a risk of 0.15" in html


def test_behaviour_stands_as_a_table(tmp_path: Path) -> None:
    assert "<th>negation</th><td>a claim, and its negation</td>" in page(tmp_path)
