"""experiments/compare: variants are what they say, and differences are paired."""

import numpy as np
import pytest
import yaml
from closure import import_closure
from conftest import ROOT
from pydantic import ValidationError

from experiments.compare.table import compare
from experiments.compare.variant import Comparison, Variant, fit_joint, replaced, stem_of
from pipeline.evaluation import Evaluation
from pipeline.schema import STANCE_P, STANCES, UNSEEN_P
from pipeline.stages.train import Gold, Params

VARIANTS = yaml.safe_load((ROOT / "experiments/compare/params.yaml").read_text(encoding="utf-8"))


def test_every_variant_is_readable_and_differs_from_the_default() -> None:
    variants = Comparison.model_validate(VARIANTS).variants
    default = variants.pop("default")
    for variant in variants.values():
        assert variant.model_dump(exclude={"about"}) != default.model_dump(exclude={"about"})
        Params.model_validate(replaced(Params().model_dump(), variant.train))


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(ValidationError, match="stem"):
        Variant(about="", stem="light")  # type: ignore[arg-type]


def test_nested_values_are_replaced_alone() -> None:
    assert replaced({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}}) == {"a": {"b": 9, "c": 2}, "d": 3}


@pytest.mark.parametrize(("name", "stem"), [("none", "يستخدمون"), ("isri", "خدم"), ("snowball", "استخدم")])
def test_stems(name: str, stem: str) -> None:
    assert stem_of(name)("يستخدمون") == stem


def rows_of(stances: list[str], certain: list[str]) -> list[dict]:
    p = [{name: float(found == stance.value) for name, stance in zip(STANCE_P, STANCES, strict=True)} for found in certain]
    unseen = [dict(zip(UNSEEN_P, row.values(), strict=True)) for row in p]
    return [{"gold_id": str(i), **p[i], **unseen[i]} for i in range(len(stances))]


def test_differences_are_paired_over_clusters() -> None:
    stances = ["favor", "against", "neutral"] * 20
    gold = [{"gold_id": str(i), "stance": s, "group": str(i // 3), "other_spans": [1] * (i % 2)} for i, s in enumerate(stances)]
    half = [s if i % 2 else "neutral" for i, s in enumerate(stances)]
    found = compare(
        gold, {"default": rows_of(stances, half), "same": rows_of(stances, half), "best": rows_of(stances, stances)}, Evaluation(200, 0)
    )
    assert found["same"]["macro_f1_difference"] == {"value": 0, "low": 0, "high": 0}
    assert found["best"]["macro_f1"]["value"] == 1
    assert found["best"]["macro_f1_difference"]["low"] > 0
    assert found["best"]["other_actor_named_difference"]["value"] == 0  # where another actor is named the default errs nowhere


def test_a_joint_head_answers_with_stance() -> None:
    rng = np.random.default_rng(0)
    pairs = [("favor", "positive"), ("against", "negative"), ("neutral", "neutral"), ("favor", "negative")]
    rows = [
        {"stance": pairs[i % 4][0], "sentiment": pairs[i % 4][1], "actor": "un", "group": str(i), "gold_id": str(i)} for i in range(280)
    ]
    vectors = np.eye(4, dtype=np.float32)[np.arange(280) % 4] + rng.normal(0, 0.05, (280, 4)).astype(np.float32)
    heads = fit_joint(Gold(rows, vectors, 0), Params(), 0)
    p = heads.stance.predict(vectors[:4], ["un"] * 4)
    assert p.sum(1) == pytest.approx(np.ones(4))
    assert [STANCES[i].value for i in p.argmax(1)] == [stance for stance, _ in pairs]


@pytest.mark.parametrize(("stage", "module"), [("variant", "variant"), ("table", "table")])
def test_deps_are_the_import_closure(stage: str, module: str) -> None:
    found = yaml.safe_load((ROOT / "experiments/compare/dvc.yaml").read_text(encoding="utf-8"))["stages"][stage]
    declared = {dep for dep in found.get("do", found)["deps"] if dep.endswith(".py")}
    assert declared == import_closure(f"experiments.compare.{module}", ROOT)
