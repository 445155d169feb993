import csv

import pytest

from pipeline.errors import WijhaError
from pipeline.gold import COLUMNS, read_gold

TEXT = "حرر الجيش الوطني الليبي المطار من الميليشيات"


def row(stance="favor", sentiment="positive", annotator="سالم", **other):
    defaults = {"text": TEXT, "actor": "lna", "article_id": "a1", "start": "0", "end": "44"}
    return {**defaults, "stance": stance, "sentiment": sentiment, "annotator": annotator, **other}


def write(path, rows, columns=COLUMNS, encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize(
    ("judged", "settled"),
    [
        (["favor"], "favor"),
        (["favor", "against", "favor"], "favor"),
        (["favor", "against"], None),
        (["favor", "against", "neutral"], None),
        (["favor", "favor", "against", "against"], None),
        (["not_actor", "not_actor", "neutral"], "not_actor"),
    ],
)
def test_the_majority_is_the_label_and_a_tie_has_none(tmp_path, judged, settled):
    write(tmp_path / "gold.csv", [row(stance, annotator=f"م{i}") for i, stance in enumerate(judged)])
    (item,) = read_gold(tmp_path, ["lna"])
    assert item.stance == settled
    assert item.sentiment == "positive"
    assert [judgement.stance for judgement in item.judgements] == judged


def test_the_adjudicated_judgement_is_final(tmp_path):
    rows = [row("favor", annotator="م1"), row("favor", annotator="م2"), row("against", "negative", "adjudicated")]
    write(tmp_path / "gold.csv", rows)
    (item,) = read_gold(tmp_path, ["lna"])
    assert (item.stance, item.sentiment, len(item.judgements)) == ("against", "negative", 3)


def test_a_misleading_name_needs_no_tone_and_an_empty_tone_does_not_count(tmp_path):
    rows = [row("not_actor", "", "م1"), row("not_actor", "", "م2"), row("favor", "positive", "م3")]
    write(tmp_path / "gold.csv", [*rows, row("not_actor", "", "م1", text="آخر")])
    first, second = read_gold(tmp_path, ["lna"])
    assert (first.stance, first.sentiment) == ("not_actor", "positive")
    assert (second.stance, second.sentiment) == ("not_actor", None)


def test_judgements_of_one_item_meet_across_files_in_the_order_of_first_appearance(tmp_path):
    write(tmp_path / "a.csv", [row(text="خبر أول"), row(text="خبر ثان", start="", end="")])
    write(tmp_path / "b.csv", [row("against", text="خبر أول"), row(text="خبر أول", actor="militias")])
    items = read_gold(tmp_path, ["lna", "militias"])
    assert [(i.text, i.actor, i.stance, i.start) for i in items] == [
        ("خبر أول", "lna", None, 0),
        ("خبر ثان", "lna", "favor", -1),
        ("خبر أول", "militias", "favor", 0),
    ]
    assert len({item.gold_id for item in items}) == 3


def test_gold_ids_do_not_change_from_one_reading_to_the_next(tmp_path):
    write(tmp_path / "gold.csv", [row()])
    before = read_gold(tmp_path, ["lna"])
    write(tmp_path / "gold.csv", [row(text="خبر آخر"), row()])
    assert read_gold(tmp_path, ["lna"])[1] == before[0]


def test_gold_of_other_actors_is_left_out(tmp_path):
    write(tmp_path / "gold.csv", [row(), row(actor="rsf")])
    assert [item.actor for item in read_gold(tmp_path, ["lna"])] == ["lna"]


def test_a_file_from_a_spreadsheet_may_begin_with_a_byte_order_mark(tmp_path):
    write(tmp_path / "gold.csv", [row()], encoding="utf-8-sig")
    assert len(read_gold(tmp_path, ["lna"])) == 1


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"stance": "مؤيد"}, "stance 'مؤيد'; expected against, favor, neutral, not_actor"),
        ({"sentiment": "not_actor"}, "sentiment 'not_actor'; expected negative, neutral, positive"),
        ({"sentiment": ""}, "sentiment ''; expected negative, neutral, positive"),
        ({"text": ""}, "no text"),
        ({"start": "أول"}, "start 'أول', end '44'; expected whole numbers"),
        ({"end": "4.5"}, "start '0', end '4.5'; expected whole numbers"),
    ],
)
def test_a_bad_row_is_named_with_its_file_and_line(tmp_path, fault, words):
    write(tmp_path / "gold.csv", [row(text="سطر\nوسطر"), row(**fault)])
    with pytest.raises(WijhaError) as error:
        read_gold(tmp_path, ["lna"])
    assert str(error.value).startswith(f"{tmp_path / 'gold.csv'}, line 4: ")
    assert words in str(error.value)


def test_a_short_row_is_named(tmp_path):
    write(tmp_path / "gold.csv", [row()])
    with (tmp_path / "gold.csv").open("a", encoding="utf-8") as stream:
        stream.write("خبر,lna\n")
    with pytest.raises(WijhaError, match=r"gold\.csv, line 3: stance None"):
        read_gold(tmp_path, ["lna"])


def test_a_missing_column_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(WijhaError, match=r"has no \.csv file; columns: text, actor"):
        read_gold(tmp_path, ["lna"])
    write(tmp_path / "gold.csv", [row()], [c for c in COLUMNS if c not in ("stance", "annotator")])
    with pytest.raises(WijhaError, match=r"gold\.csv: no column annotator, stance; expected text"):
        read_gold(tmp_path, ["lna"])


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    write(tmp_path / "gold.csv", [row()], encoding="cp1256")
    with pytest.raises(WijhaError, match=r"gold\.csv"):
        read_gold(tmp_path, ["lna"])


def test_a_field_without_a_closing_quote_is_named(tmp_path):
    write(tmp_path / "gold.csv", [row()])
    with (tmp_path / "gold.csv").open("a", encoding="utf-8") as stream:
        stream.write('"خبر لم تغلق علامته' + " وتتواصل الأخبار" * 10_000)
    with pytest.raises(WijhaError, match=r"gold\.csv"):
        read_gold(tmp_path, ["lna"])
