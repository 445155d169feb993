import pytest

from pipeline.config import EncoderConfig, LexicalSettings, Strict, TransformerSettings, load, load_encoder_settings, load_yaml
from pipeline.errors import WijhaError


class Margin(Strict):
    margin: float = 0.2


class Section(Strict):
    aggregate: Margin = Margin()
    names: tuple[str, ...] = ()


def test_load_encoder_settings_reads_the_kind_that_the_file_names(tmp_path):
    lexical, transformer = tmp_path / "lexical.yaml", tmp_path / "arabert.yaml"
    lexical.write_text("encoder: {kind: lexical, window: 4, char_ngrams: [2, 4]}\n", encoding="utf-8")
    transformer.write_text("encoder: {kind: transformer, model: نماذج/arabert}\n", encoding="utf-8")
    assert load_encoder_settings(lexical) == LexicalSettings(kind="lexical", window=4, char_ngrams=(2, 4))
    assert load_encoder_settings(transformer) == TransformerSettings(kind="transformer", model="نماذج/arabert")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("encoder:\n  kind: lexical\n  windw: 4\n", 3, "windw"),
        ("encoder:\n  kind: lexical\n\n  window: ست\n", 4, "got 'ست'"),
        ("encoder:\n  kind: lexical\n  n_features: 7\n", 3, "greater than or equal to 1024"),
        ("encoder:\n  kind: lexical\n  char_ngrams:\n    - 3\n    - طويل\n", 5, "got 'طويل'"),
        ("# تعليق\nencoder:\n  kind: magic\n", 2, "'lexical', 'transformer'"),
        ("# تعليق\nencoder:\n  kind: transformer\n", 2, "model"),
        ("encoder: {kind: lexical}\nactors: libya\n", 2, "actors"),
        ("- lexical\n", 1, "dictionary"),
    ],
)
def test_load_names_the_file_the_line_and_the_value_of_a_fault(tmp_path, text, line, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WijhaError) as error:
        load(path, EncoderConfig)
    assert f"{path}, line {line}:" in str(error.value)
    assert words in str(error.value)


def test_load_names_every_fault_at_once(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text("encoder:\n  kind: lexical\n  window: -1\n  word_ngrams: 9\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"line 3: .*\n.*line 4: "):
        load(path, EncoderConfig)


def test_load_reads_a_section_and_gives_defaults_for_an_empty_one(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("label:\n  aggregate: {margin: 0.5}\ntrain:\n", encoding="utf-8")
    assert load(path, Margin, "label.aggregate") == Margin(margin=0.5)
    assert load(path, Section, "label").aggregate.margin == 0.5
    assert load(path, Section, "train") == Section()
    with pytest.raises(WijhaError, match=r"no section 'label\.evidence'"):
        load(path, Margin, "label.evidence")


def test_load_names_the_line_inside_a_section(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("seed: 1\nlabel:\n  aggregate:\n    margin: كثير\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"line 4: label\.aggregate\.margin: .*got 'كثير'"):
        load(path, Section, "label")


def test_a_missing_file_lists_the_choices(tmp_path):
    for name in ("libya", "sudan"):
        (tmp_path / f"{name}.yaml").write_text("title: x\n", encoding="utf-8")
    with pytest.raises(WijhaError, match=r"yemen\.yaml; there are: libya, sudan"):
        load_yaml(tmp_path / "yemen.yaml")
    with pytest.raises(WijhaError, match=r"no such configuration file: .*yemen\.yaml$"):
        load_yaml(tmp_path / "absent" / "yemen.yaml")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("title: ليبيا\nhome: [طرابلس\n".encode(), "line 3, column 1: not valid YAML"),
        ("title: ليبيا\n\thome: طرابلس\n".encode(), "line 2, column 1: not valid YAML"),
        ("title: ليبيا".encode("cp1256"), "not UTF-8 at byte 7"),
        ("title: ليب\x07يا\n".encode(), "not valid YAML"),
    ],
)
def test_a_broken_file_is_named_with_the_place(tmp_path, content, words):
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(WijhaError) as error:
        load_yaml(path)
    assert str(path) in str(error.value)
    assert words in str(error.value)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        LexicalSettings(kind="lexical").window = 3
