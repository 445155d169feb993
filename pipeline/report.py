"""The report of a run as one HTML page: figures with intervals, plots as SVG, rejects, and what articles were found to say.

Layer 1. Text from scrapes is data: the template escapes it all, and marks Arabic as right-to-left.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

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
        rejects=rejects,
        examples=_examples(articles, stances),
    )
    with atomic(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _with_interval(score: Mapping[str, float]) -> str:
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


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
