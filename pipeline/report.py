"""The report of a run as one HTML page: figures with intervals, plots as SVG, rejects, and what articles were found to say.

Layer 1. Text from scrapes is data: the template escapes it all, and marks Arabic as right-to-left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.behaviour import TESTS
from pipeline.schema import STANCES
from pipeline.tables import atomic

Row = Mapping[str, Any]
EXAMPLES = 24


def render_report(
    path: Path,
    metrics: Mapping[str, Any],
    plots: Mapping[str, Sequence[Row]],
    articles: Sequence[Row],
    stances: Sequence[Row],
    rejects: Sequence[Row],
) -> None:
    """Write the report of one run."""
    environment = Environment(loader=PackageLoader("pipeline"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["ci"] = _with_interval
    counts = Counter((row["actual"], row["predicted"]) for row in plots["confusion"])
    page = environment.get_template("report.html").render(
        m=metrics,
        stances=[s.value for s in STANCES],
        confusion={truth.value: {found.value: counts[truth, found] for found in STANCES} for truth in STANCES},
        reliability=plots["reliability"],
        risk_plot=_risk_plot(plots["risk"], metrics["stance"]["abstention"]["target_risk"]),
        about={name: test.about for name, test in TESTS.items()},
        rejects=rejects,
        examples=_examples(articles, stances),
    )
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _with_interval(score: Mapping[str, float]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _risk_plot(rows: Sequence[Row], target: float) -> dict[str, Any]:
    """Return the corners of the curve in the plot's box (x 35 to 235, y 190 to 10), its highest risk, and the height of the target."""
    top = max([target, *(float(row["risk"]) for row in rows)])

    def height(risk: float) -> float:
        return round(190 - 180 * risk / top, 1)

    points = " ".join(f"{35 + 200 * row['coverage']:.1f},{height(row['risk'])}" for row in rows)
    return {"points": points, "top": f"{top:.2f}", "target_y": height(target)}


def _examples(articles: Sequence[Row], stances: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the first article stances that are not abstained, spread evenly over actor and stance."""
    titles = {a["article_id"]: a["title"] or a["body"][:80] for a in articles}
    outlets = {a["article_id"]: a["outlet"] or a["source_path"] for a in articles}
    cells: dict[tuple[str, str], int] = Counter()
    quota = max(1, EXAMPLES // max(1, len({(s["actor"], s["stance"]) for s in stances})))
    chosen = []
    for row in sorted(stances, key=lambda s: (-max(s[f"p_{x}"] for x in STANCES), s["article_id"])):
        cell = (row["actor"], row["stance"])
        if not row["abstained"] and cells[cell] < quota:
            cells[cell] += 1
            chosen.append({**row, "title": titles[row["article_id"]], "outlet": outlets[row["article_id"]]})
    return sorted(chosen, key=lambda row: (row["actor"], row["stance"]))
