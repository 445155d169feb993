"""Fill the tables of experiments/public/README.md from results.json and published.yaml; `--check` only compares.

python -m experiments.public.render [--check]
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from experiments.public.product import PUBLIC, Row
from experiments.render import interval, rendered, table
from pipeline.config import Strict, load

README = PUBLIC / "README.md"
OURS = {
    "wijha": "**wijha**",
    "wijha_unseen_target": "wijha, fitted on the other two targets",
    "majority": "baseline: the most frequent label",
    "tfidf": "baseline: TF-IDF of words",
    "tfidf_chars": "baseline: TF-IDF of words and characters",
}
_SIDES = {"f1": "", "f1_favor": " +", "f1_against": " -"}


class Paper(Strict):
    """Where a figure was published."""

    short: str
    title: str
    authors: str
    venue: str
    url: str


class Published(Strict):
    """What a published system reached on one data set, by the names of the measures in results.json."""

    name: str
    paper: str
    verified: bool = Field(description="whether the figures were read in a copy of `seen`, or only remembered")
    seen: str | None = None
    note: str = Field(default="", description="what else was only remembered")
    figures: dict[str, float] = Field(min_length=1)

    @model_validator(mode="after")
    def _verified_somewhere(self) -> Self:
        if self.verified != (self.seen is not None):
            raise ValueError("`seen` says where a verified figure was read; an unverified one has none")
        return self


class Publications(Strict):
    """The file published.yaml."""

    papers: dict[str, Paper]
    systems: dict[str, list[Published]]

    @model_validator(mode="after")
    def _papers_exist(self) -> Self:
        missing = {system.paper for systems in self.systems.values() for system in systems} - set(self.papers)
        if missing:
            raise ValueError(f"no such paper: {', '.join(sorted(missing))}")
        return self


def publications() -> Publications:
    """Read published.yaml."""
    return load(PUBLIC / "published.yaml", Publications)


def results(name: str) -> dict[str, Any]:
    """Read the results.json of one data set."""
    found: dict[str, Any] = json.loads((PUBLIC / name / "results.json").read_text(encoding="utf-8"))
    return found


def scores(name: str, columns: dict[str, str]) -> str:
    """Write our systems and the published ones that have any of these measures."""
    papers = publications()
    rows = []
    for system, found in results(name)["scores"].items():
        rows.append([OURS[system], *(interval(found[c]) if c in found else "" for c in columns), ""])
    for published in papers.systems[name]:
        cells = [f"{published.figures[c]:.3f}{'' if published.verified else ' †'}" if c in published.figures else "" for c in columns]
        if any(cells):
            paper = papers.papers[published.paper]
            rows.append([published.name, *cells, f"[{paper.short}]({paper.url})"])
    return table(["", *columns.values(), "source"], rows)


def counted(name: str) -> Row:
    """Return how many texts a data set has, of what."""
    found: Row = results(name)["n"]
    return found


def mawqif() -> str:
    """Write the tables of Mawqif."""
    n = counted("mawqif")
    targets = {"covid_vaccine": "vaccine", "digital_transformation": "digital", "women_empowerment": "women"}
    columns = {
        "f1_mean_of_targets": "mean of the targets",
        "f1_pooled": "pooled",
        "macro_f1": "macro-F1 with neutral",
        "ece": "calibration error",
    }
    each = {f"{key}.{measure}": f"{short}{tail}" for key, short in targets.items() for measure, tail in _SIDES.items()}
    return (
        f"Fitted on {n['train']:,} tweets, scored on {n['test']} ({n['test_target_named']} name their target, "
        f"{n['test_also_in_train']} stand among the former too). Mean F1 of favor and against:\n\n"
        f"{scores('mawqif', columns)}\n\nBy target, the mean of the two and each (+ favor, - against):\n\n{scores('mawqif', each)}"
    )


def arsarcasm() -> str:
    """Write the table of ArSarcasm-v2."""
    n = counted("arsarcasm")
    columns = {"f1_pn": "F1-PN", "macro_f1": "macro-F1", "accuracy": "accuracy", "ece": "calibration error"}
    return (
        f"Fitted on {n['train']:,} tweets, scored on {n['test']:,} ({n['test_also_in_train']} stand among the former too):\n\n"
        f"{scores('arsarcasm', columns)}"
    )


def ans() -> str:
    """Write the table of ANS."""
    n = counted("ans")
    columns = {"macro_f1": "macro-F1", "accuracy": "accuracy", "f1_agree": "agree", "f1_disagree": "disagree", "f1_other": "other"}
    return (
        f"Fitted on {n['train']:,} pairs, scored on {n['test']} ({n['test_with_text_of_train']} share a headline with the former; "
        f"{n['test_other']} are `other`, which is why macro-F1 is so unsure):\n\n{scores('ans', columns | {'ece': 'calibration error'})}"
    )


def unifiedfc() -> str:
    """Write the tables of the unified fact-checking corpus."""
    n = counted("unifiedfc")
    columns = {"weighted_accuracy": "weighted accuracy", "accuracy": "accuracy", "macro_f1": "macro-F1", "ece": "calibration error"}
    each = {f"f1_{name}": name for name in ("agree", "disagree", "discuss", "unrelated")}
    return (
        f"{n['articles']:,} articles for {n['claims']} claims, each scored by the {n['folds'] - 1} folds that it is not in:\n\n"
        f"{scores('unifiedfc', columns)}\n\nF1 of each class:\n\n{scores('unifiedfc', each)}"
    )


def sources() -> str:
    """List the papers, and how each figure is known."""
    papers = publications()
    used: dict[str, list[Published]] = {}
    for system in (s for systems in papers.systems.values() for s in systems):
        used.setdefault(system.paper, []).append(system)
    lines = []
    for key, paper in papers.papers.items():
        marks = [
            f"{s.name}: "
            + (f"read at <{s.seen}>" if s.verified else "† from memory of the paper, not verified")
            + (s.note and f"; {s.note}")
            for s in used.get(key, [])
        ]
        lines.append(f"- {paper.authors}: [{paper.title}]({paper.url}). {paper.venue}. {' '.join(f'{mark}.' for mark in marks)}")
    return "\n".join(lines)


BLOCKS: list[Callable[[], str]] = [mawqif, arsarcasm, ans, unifiedfc, sources]


def render(readme: Path) -> str:
    """Return the document with every block filled."""
    return rendered(readme, BLOCKS)


def main() -> None:
    """Render the document, or say that it is out of date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if the document is out of date")
    text = render(README)
    stale = text != README.read_text(encoding="utf-8")
    if parser.parse_args().check and stale:
        raise SystemExit(f"out of date: {README}; run python -m experiments.public.render")
    if stale:
        README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
