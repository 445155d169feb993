import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arabic import fold
from pipeline.dedup import Clusters, DedupParams, signature

TEXT = """
أعلنت غرفة عمليات تحرير المنطقة الغربية صباح اليوم أن وحداتها تقدمت نحو مطار طرابلس الدولي بعد معارك عنيفة استمرت ثلاثة أيام
وقال المتحدث باسم الغرفة في مؤتمر صحفي إن القوات سيطرت على الطريق المؤدية إلى قصر بن غشير وإن خسائر الطرف الآخر كبيرة
بينما ناشدت المنظمات الإنسانية جميع الأطراف فتح ممرات آمنة لإجلاء العائلات العالقة في مناطق الاشتباك جنوب العاصمة
"""
STORY = TEXT.split()
OTHER = "اختتمت في مدينة مصراتة بطولة كرة القدم للناشئين بمشاركة ثمانية فرق من مختلف مدن البلاد وسط حضور جماهيري كبير"


def clustered(*texts, threshold=0.7):
    clusters = Clusters(threshold)
    for number, text in enumerate(texts):
        clusters.add(f"مقال-{number}", signature(fold(text).text))
    return [int(cluster.removeprefix("مقال-")) for cluster in clusters.cluster_ids().values()]


def test_copies_share_the_cluster_of_the_first():
    near = " ".join([*STORY[:30], "فجر", *STORY[31:]])
    assert clustered(OTHER, " ".join(STORY), near, " ".join(STORY)) == [0, 1, 1, 1]


@pytest.mark.parametrize(
    "text",
    [
        "أَعْلَنَتْ " + " ".join(STORY[1:]),
        " ".join(STORY).replace("أ", "ا").replace("ة", "ه").replace("المنطقه", "المنطقــه"),
        "\n\n".join(STORY),
    ],
)
def test_spelling_and_spacing_do_not_make_another_text(text):
    assert clustered(" ".join(STORY), text, threshold=1.0) == [0, 0]


def test_different_stories_stay_apart():
    half = " ".join(STORY[: len(STORY) // 2])
    assert clustered(" ".join(STORY), half, OTHER, "مباراة", "", "مباراة اليوم") == [0, 1, 2, 3, 4, 5]


def test_a_text_between_two_clusters_joins_them():
    first, between, last = (" ".join(STORY[start : start + 40]) for start in (0, 5, 10))
    assert clustered(first, last, threshold=0.68) == [0, 1]
    assert clustered(first, last, between, threshold=0.68) == [0, 0, 0]


def test_the_threshold_decides():
    texts = (" ".join(STORY[:40]), " ".join(STORY[5:45]))
    assert clustered(*texts, threshold=0.5) == [0, 0]
    assert clustered(*texts, threshold=1.0) == [0, 1]


def test_many_copies_of_boilerplate_are_one_cluster():
    assert set(clustered(*[" ".join(STORY)] * 40)) == {0}


@given(st.lists(st.sampled_from([" ".join(STORY), " ".join(STORY[1:]), OTHER, OTHER + " أمس", "خبر عاجل", ""]), max_size=12))
def test_clusters_are_named_by_their_first_article_and_do_not_depend_on_what_follows(texts):
    clusters = clustered(*texts)
    assert all(clusters[cluster] == cluster <= number for number, cluster in enumerate(clusters))
    assert all(clusters[i] == clusters[texts.index(text)] for i, text in enumerate(texts))
    assert clustered(*texts) == clusters


@pytest.mark.parametrize("threshold", [0, 1.1, "كبير"])
def test_a_threshold_outside_its_range_is_an_error(threshold):
    with pytest.raises(ValueError, match="threshold"):
        DedupParams(threshold=threshold)
