"""Which instances become tasks, and what a task says of its place."""

import pytest
from small_corpus import BODIES, HOSTILE, article, instances, make_project
from test_actors import ACTORS

from pipeline import schema, tables
from pipeline.annotation_choices import Strategy
from pipeline.errors import WijhaError
from pipeline.gold import GoldItem
from pipeline.tasks import Request, draw_tasks

ALL = Request(Strategy.RANDOM, 1000, 1, include_gold=True)


@pytest.fixture
def folder(tmp_path):
    return make_project(tmp_path).table("articles").parent


def drawn(folder, request=ALL, gold=()):
    return draw_tasks(folder, ACTORS.config.actors, gold, request)


def gold_item(text, actor, article_id, start=0):
    return GoldItem("g", text, actor, article_id, start, start + len(text), "favor", "neutral", ())


def test_every_task_can_be_quoted_from_its_article(folder):
    tasks = drawn(folder)
    assert sorted(task.instance_id for task in tasks) == sorted(row["instance_id"] for row in instances())
    for task in tasks:
        title, body = BODIES[task.article_id]
        part = title if task.instance_id.split("-")[1] == "0000" else body
        assert part[task.start : task.end] == task.instance.text
        assert task.title == (title or "")


def test_a_sentence_said_twice_keeps_its_own_place(folder):
    starts = [task.start for task in drawn(folder) if task.article_id == "a2" and task.actor == "lna"]
    assert len(set(starts)) == 2


def test_neighbours_stand_around_the_sentence(folder):
    (task,) = [task for task in drawn(folder) if task.instance.text == HOSTILE and task.actor == "lna"]
    assert (task.previous, task.next) == ("وصل الوفد إلى طرابلس أمس.", "وعاد الوفد مساء إلى بنغازي.")
    (headline,) = [task for task in drawn(folder) if task.instance_id == "a1-0000-un"]
    assert (headline.previous, headline.next) == ("", "وصل الوفد إلى طرابلس أمس.")
    (first,) = [task for task in drawn(folder) if task.instance_id == "a3-0001-lna"]
    assert (first.previous, first.title) == ("", "حفتر في ليبيا")


def test_judged_words_are_not_asked_about_again(folder):
    whole = gold_item(article("a4").body, "lna", "a4")
    body = BODIES["a1"][1]
    overlapping = gold_item(body[10 : body.index("يحرر")], "militias", "a1", 10)  # of a time when sentences were split otherwise
    elsewhere = gold_item(article("a4").body, "un", "a3")
    everything = {row["instance_id"] for row in instances()}
    left = {task.instance_id for task in drawn(folder, Request(Strategy.RANDOM, 1000, 1), [whole, overlapping, elsewhere])}
    assert everything - left == {"a4-0001-lna", "a1-0002-militias"}


def test_the_same_words_elsewhere_in_the_article_are_still_asked_about(folder):
    first = gold_item("رحب أهالي بنغازي بالجيش الوطني الليبي.", "lna", "a2", 0)
    unplaced = GoldItem("g", "وأعلنت البعثة الأممية هدنة في ليبيا.", "un", "a2", -1, -1, "favor", "neutral", ())
    headline = gold_item("حفتر في ليبيا", "lna", "a3", 0)  # the first sentence of the body has these offsets too
    left = {task.instance_id for task in drawn(folder, Request(Strategy.RANDOM, 1000, 1), [first, unplaced, headline])}
    assert {row["instance_id"] for row in instances()} - left == {"a2-0001-lna", "a2-0002-un", "a3-0000-lna"}


def test_tables_of_two_versions_are_an_error(folder):
    rows = [{**row, "text": row["text"] + "؟"} for row in instances()]
    tables.write(folder / "instances.parquet", rows, schema.INSTANCES)
    with pytest.raises(WijhaError, match="is not in its article: the tables are not of one version"):
        drawn(folder)


def test_only_wanted_actors_and_abstained_instances(folder):
    assert {task.actor for task in drawn(folder, Request(Strategy.STRATIFIED, 2, 1, ("un",)))} == {"un"}
    abstained = [row["instance_id"] for number, row in enumerate(instances()) if number % 3 == 0]
    tasks = drawn(folder, Request(Strategy.RANDOM, 1000, 1, abstained=True))
    assert sorted(task.instance_id for task in tasks) == sorted(abstained)


@pytest.mark.parametrize("strategy", Strategy)
def test_a_draw_records_its_design_and_depends_on_the_seed_alone(folder, strategy):
    one, same, other = (drawn(folder, Request(strategy, 5, seed)) for seed in (1, 1, 2))
    assert one == same != other
    assert len(one) == 5
    assert {(task.sampling.strategy, task.sampling.population) for task in one} == {(strategy.value, len(instances()))}
    assert all(0 < task.sampling.probability <= 1 for task in one)


def test_random_needs_no_labels_but_other_strategies_do(folder):
    (folder / "instance_labels.parquet").unlink()
    assert {task.stance for task in drawn(folder)} == {""}
    with pytest.raises(WijhaError, match=r"instance_labels\.parquet: an earlier stage has not run"):
        drawn(folder, Request(Strategy.UNCERTAINTY, 5, 1))


def test_what_cannot_be_drawn_is_named(folder):
    with pytest.raises(WijhaError, match="no actor 'rsf' in the actor set; there are: lna, militias, un, gna"):
        drawn(folder, Request(Strategy.RANDOM, 5, 1, ("rsf",)))
    with pytest.raises(WijhaError, match=r"nothing to annotate .* --include-gold"):
        drawn(folder, Request(Strategy.RANDOM, 5, 1, ("gna",)))
