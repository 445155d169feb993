"""The vector cache: what is encoded once is read after that, by any number of processes, whatever happens to them or to the file."""

import contextlib
import hashlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, run

from pipeline.aliases import Tone
from pipeline.encoders.cache import FILE, Cacheable, CachedEncoder, VectorCache, instance_key
from pipeline.errors import WijhaError
from pipeline.instances import Instance, Span
from pipeline.workspace import Workspace

ONE, OTHER = (
    "transformer-2:arabert:510:sha256:" + "1" * 32 + ":torch:float32",
    "transformer-2:arabert:510:sha256:" + "2" * 32 + ":openvino:bf16",
)


def vector_of(key: bytes, width: int = 16) -> np.ndarray:
    """Return the vector that a key stands for in these tests."""
    return np.frombuffer(hashlib.shake_256(key).digest(2 * width), np.uint16).astype(np.float32)


class Counting:
    """A deterministic encoder that counts how many instances it was asked for."""

    fingerprint, n_plain, runtime, cache_key, width = "counting-1", 0, "here", ONE, 16
    trained_on: frozenset[str] = frozenset()

    def __init__(self, cache_key: str = ONE) -> None:
        self.cache_key = cache_key
        self.asked: list[int] = []

    def encode(self, instances: Sequence[Instance]) -> np.ndarray:
        self.asked.append(len(instances))
        return np.stack([vector_of(instance_key(instance), self.width) for instance in instances])


def instances_of(n: int, start: int = 0) -> list[Instance]:
    return [Instance(f"جملة رقم {i}", (Span(0, 4),)) for i in range(start, start + n)]


def expected(instances: Sequence[Instance]) -> np.ndarray:
    return Counting().encode(instances)


def keys_of(n: int, start: int = 0) -> list[bytes]:
    return [hashlib.sha256(str(i).encode()).digest() for i in range(start, start + n)]


def filled(path: Path, n: int = 100, width: int = 16) -> VectorCache:
    cache = VectorCache(path)
    cache.keep(ONE, keys_of(n), np.stack([vector_of(key, width) for key in keys_of(n)]))
    return cache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep/er/vectors.sqlite"


# --- the cached encoder -------------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_the_encoder_the_first_time_and_after(path: Path) -> None:
    given = instances_of(50)
    for _ in range(2):
        encoder = Counting()
        made = CachedEncoder(encoder, VectorCache(path)).encode(given)
        assert made.dtype == np.float32 and np.array_equal(made, expected(given))
    assert encoder.asked == []


def test_rows_keep_the_order_of_the_instances(path: Path) -> None:
    CachedEncoder(Counting(), VectorCache(path)).encode(instances_of(30, 10))
    given = instances_of(60)
    random.Random(3).shuffle(given)
    assert np.array_equal(CachedEncoder(Counting(), VectorCache(path), chunk=7).encode(given), expected(given))


def test_equal_instances_are_encoded_once(path: Path) -> None:
    encoder, given = Counting(), instances_of(5) * 3
    assert np.array_equal(CachedEncoder(encoder, VectorCache(path)).encode(given), expected(given))
    assert encoder.asked == [5]


def test_ten_more_of_ten_thousand_encode_ten(path: Path) -> None:
    CachedEncoder(Counting(), VectorCache(path)).encode(instances_of(10_000))
    encoder = Counting()
    assert len(CachedEncoder(encoder, VectorCache(path)).encode(instances_of(10_010))) == 10_010
    assert encoder.asked == [10]


def test_chunks_bound_what_is_asked_for_at_once(path: Path) -> None:
    encoder = Counting()
    CachedEncoder(encoder, VectorCache(path), chunk=40).encode(instances_of(100))
    assert encoder.asked == [40, 40, 20]


def test_chunks_before_a_failure_are_kept(path: Path) -> None:
    class Failing(Counting):
        def encode(self, instances: Sequence[Instance]) -> np.ndarray:
            if len(self.asked) == 2:
                raise RuntimeError("out of memory")
            return super().encode(instances)

    with pytest.raises(RuntimeError, match="out of memory"):
        CachedEncoder(Failing(), VectorCache(path), chunk=10).encode(instances_of(50))
    encoder = Counting()
    CachedEncoder(encoder, VectorCache(path)).encode(instances_of(50))
    assert encoder.asked == [30]


def test_another_encoder_shares_nothing(path: Path) -> None:
    CachedEncoder(Counting(ONE), VectorCache(path)).encode(instances_of(20))
    encoder = Counting(OTHER)
    CachedEncoder(encoder, VectorCache(path)).encode(instances_of(20))
    assert encoder.asked == [20]
    assert sorted((kept.encoder, kept.vectors) for kept in VectorCache(path).contents()) == [(ONE, 20), (OTHER, 20)]


def test_no_instances_give_no_rows(path: Path) -> None:
    encoder = Counting()
    assert CachedEncoder(encoder, VectorCache(path)).encode([]).shape == (0, 16)
    assert encoder.asked == []


def test_a_cached_encoder_says_of_itself_what_its_encoder_says(path: Path) -> None:
    encoder: Cacheable = Counting()
    cached: Cacheable = CachedEncoder(encoder, VectorCache(path))
    assert [getattr(cached, name) == getattr(encoder, name) for name in Cacheable.__annotations__] == [True] * 2
    assert (cached.fingerprint, cached.n_plain, cached.runtime, cached.trained_on) == ("counting-1", 0, "here", frozenset())


def test_an_encoder_whose_width_changed_under_the_same_name_is_refused(path: Path) -> None:
    CachedEncoder(Counting(), VectorCache(path)).encode(instances_of(3))
    encoder = Counting()
    encoder.width = 8
    for given in (instances_of(3), instances_of(3, 10)):
        with pytest.raises(WijhaError, match="vectors of 16 numbers"):
            CachedEncoder(encoder, VectorCache(path)).encode(given)


def test_threads_may_share_a_cached_encoder(path: Path) -> None:
    cached = CachedEncoder(Counting(), VectorCache(path), chunk=10)
    parts = [instances_of(200, at) for at in (0, 100, 200, 300)]
    with ThreadPoolExecutor(4) as threads:
        assert all(np.array_equal(made, expected(part)) for made, part in zip(threads.map(cached.encode, parts), parts, strict=True))


# --- the key ------------------------------------------------------------------------------------------------------------------


def test_a_key_hangs_on_the_text_and_the_target_alone() -> None:
    instance = Instance("قال الجيش", (Span(4, 9),))
    assert instance_key(Instance("قال الجيش", (Span(4, 9, Tone.HOSTILE),), (Span(0, 3),))) == instance_key(instance)
    others = [
        Instance("قال الجيش "),
        Instance("قال الجيش"),
        Instance("قال الجيش", (Span(4, 8),)),
        Instance("قال الجيش", (Span(4, 9), Span(0, 3))),
    ]
    assert len({instance_key(one) for one in (instance, *others)}) == 5


def test_a_span_cannot_be_mistaken_for_text() -> None:
    tail = b"\4" + bytes(7) + b"\5" + bytes(7)
    assert instance_key(Instance("text" + tail.decode())) != instance_key(Instance("text", (Span(4, 5),)))


def test_lone_surrogates_have_keys_of_their_own(path: Path) -> None:
    given = [Instance("\ud800"), Instance("\udc00"), Instance("\ud800\udc00"), Instance("\U00010000"), Instance("?")]
    encoder = Counting()
    CachedEncoder(encoder, VectorCache(path)).encode(given)
    assert encoder.asked == [5]


# --- the file -----------------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_found_and_nothing_else(path: Path) -> None:
    found = filled(path).find(ONE, keys_of(2000))
    assert found.keys() == set(keys_of(100))
    assert all(np.array_equal(vector, vector_of(key)) and vector.dtype == np.float32 for key, vector in found.items())


def test_a_key_that_is_kept_stays_as_it_is(path: Path) -> None:
    cache = filled(path)
    cache.keep(ONE, keys_of(200), np.zeros((200, 16), np.float32))
    found = cache.find(ONE, keys_of(200))
    assert np.array_equal(found[keys_of(1)[0]], vector_of(keys_of(1)[0])) and not found[keys_of(1, 150)[0]].any()


def test_rows_that_do_not_fit_the_keys_are_refused(path: Path) -> None:
    for shape in ((2, 16), (16,), (3, 2, 8)):
        with pytest.raises(ValueError, match="one row a key"):
            VectorCache(path).keep(ONE, keys_of(3), np.zeros(shape, np.float32))


def test_last_use_is_noted_once_an_opening(path: Path) -> None:
    filled(path)

    def age() -> None:
        with contextlib.closing(sqlite3.connect(path)) as db, db:
            db.execute("UPDATE encoders SET last_used = 86400")

    age()
    cache = VectorCache(path)
    assert cache.contents()[0].last_used.year == 1970
    cache.find(ONE, keys_of(1))
    assert cache.contents()[0].last_used.year > 1970
    age()
    cache.find(ONE, keys_of(1))
    assert cache.contents()[0].last_used.year == 1970


def test_pruning_removes_one_encoder_and_gives_its_space_back(path: Path) -> None:
    cache = filled(path, 2000, 1536)
    cache.keep(OTHER, keys_of(10), np.ones((10, 1536), np.float32))
    before = path.stat().st_size
    assert cache.prune({ONE}) == 2000
    assert path.stat().st_size < before / 20
    assert [(kept.encoder, kept.vectors, kept.bytes) for kept in cache.contents()] == [(OTHER, 10, 10 * 6144)]
    assert not cache.find(ONE, keys_of(2000)) and len(cache.find(OTHER, keys_of(10))) == 10


def test_progress_is_logged_where_there_are_several_chunks(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="pipeline"):
        CachedEncoder(Counting(), VectorCache(path), chunk=4).encode(instances_of(10))
        CachedEncoder(Counting(), VectorCache(path), chunk=4).encode(instances_of(12))
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [f"{n} of 10 new vectors" for n in (4, 8, 10)]


def test_a_cache_that_is_open_goes_on_after_a_prune_by_another(path: Path) -> None:
    cached = CachedEncoder(Counting(), VectorCache(path))
    cached.encode(instances_of(5))
    VectorCache(path).prune({ONE})
    assert np.array_equal(cached.encode(instances_of(5)), expected(instances_of(5)))
    assert VectorCache(path).contents()[0].vectors == 5


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, path in (
        ("", tmp_path / ".wijha/vectors.sqlite"),
        ("/else/where", Path("/else/where/vectors.sqlite")),
        ("here", tmp_path / "here/vectors.sqlite"),
    ):
        monkeypatch.setenv("WIJHA_CACHE", given)
        assert Workspace(tmp_path).store / FILE == path


# --- what goes wrong ----------------------------------------------------------------------------------------------------------


def refused(path: Path, *parts: str) -> None:
    """Expect an error that names the file and says these things, from opening or from the first look."""
    with pytest.raises(WijhaError) as error:
        VectorCache(path).find(ONE, keys_of(100))
    for part in (str(path), *parts):
        assert part in str(error.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("my notes\n" * 200)
    refused(path, "not a database", "delete it if it is the vector cache", "WIJHA_CACHE")
    assert path.read_text() == "my notes\n" * 200


def test_a_database_of_another_program_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE runs (name TEXT)")
    before = path.read_bytes()
    refused(path, "another program", "set WIJHA_CACHE")
    assert path.read_bytes() == before


def test_another_version_of_the_layout_is_refused(path: Path) -> None:
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    refused(path, "layout 99, expected 1", "delete it")


def test_a_file_cut_short_is_refused(path: Path) -> None:
    filled(path, 100, 1536)
    os.truncate(path, path.stat().st_size // 2)
    refused(path, "damaged", "delete it")


def test_a_byte_that_the_disk_changed_is_an_error_and_no_vector(path: Path) -> None:
    filled(path)
    data = bytearray(path.read_bytes())
    data[data.index(vector_of(keys_of(1)[0]).tobytes()) + 9] ^= 1
    path.write_bytes(data)
    refused(path, "damaged", "delete it")


@pytest.mark.parametrize(
    "change", ["vector = substr(vector, 5)", "vector = vector || x'00000000'", "vector = x''", "checksum = checksum + 1"]
)
def test_a_vector_of_another_length_or_checksum_is_an_error(path: Path, change: str) -> None:
    filled(path)
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(f"UPDATE vectors SET {change} WHERE rowid = 50")
    refused(path, "damaged", "delete it")


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir(parents=True)
    refused(path, "unable to open", "WIJHA_CACHE")


def test_a_place_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file/vectors.sqlite", "WIJHA_CACHE")
    refused(tmp_path / "file/deep/vectors.sqlite", "WIJHA_CACHE")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refused(tmp_path / "vectors.sqlite", "WIJHA_CACHE")
    tmp_path.chmod(0o700)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    yield folder
    run(["umount", str(folder)], tmp_path)


def test_a_full_disk_is_an_error_and_what_was_kept_stays(small_disk: Path) -> None:
    path = small_disk / "vectors.sqlite"
    cache = filled(path, 100, 1536)
    with pytest.raises(WijhaError, match="full") as error:
        cache.keep(ONE, keys_of(1000), np.ones((1000, 1536), np.float32))
    assert str(path) in str(error.value) and "delete this file" in str(error.value)
    assert len(cache.find(ONE, keys_of(1000))) == 100
    cache.keep(ONE, keys_of(50, 100), np.ones((50, 1536), np.float32))
    assert len(cache.find(ONE, keys_of(1000))) == 150


def test_space_that_cannot_be_given_back_is_an_error_and_the_vectors_are_gone(small_disk: Path) -> None:
    path = small_disk / "vectors.sqlite"
    cache = filled(path, 20, 1536)
    cache.keep(OTHER, keys_of(300), np.ones((300, 1536), np.float32))
    with (small_disk / "rest").open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while stream.write(bytes(4096)):
            pass
    os.truncate(small_disk / "rest", (small_disk / "rest").stat().st_size - 800_000)
    with pytest.raises(WijhaError, match=r"20 vectors are removed.*could not be made smaller.*free space"):
        cache.prune({ONE})
    assert len(cache.find(OTHER, keys_of(300))) == 300 and not cache.find(ONE, keys_of(20))


def test_a_disk_that_is_read_only_is_refused(small_disk: Path) -> None:
    path = small_disk / "vectors.sqlite"
    filled(path)
    run(["mount", "-o", "remount,ro", str(small_disk)], ROOT)
    refused(path, "readonly", "set WIJHA_CACHE")
    refused(small_disk / "new.sqlite", "set WIJHA_CACHE")


# --- several processes --------------------------------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
import numpy as np
from test_cache import Counting, CachedEncoder, VectorCache, instances_of, expected
cached = CachedEncoder(Counting(), VectorCache(Path(sys.argv[1])), chunk=25)
print("ready", flush=True)
sys.stdin.readline()
given = [*instances_of(1000, int(sys.argv[2])), *instances_of(1000, 5000)]
assert np.array_equal(cached.encode(given), expected(given))
"""

ENDLESS = """
import sys
from pathlib import Path
import numpy as np
from test_cache import ONE, VectorCache, keys_of, vector_of
cache = VectorCache(Path(sys.argv[1]))
first = int(sys.argv[2])
batches = [(keys, np.stack([vector_of(key, 1536) for key in keys])) for keys in (keys_of(200, at) for at in range(first, first + 4000, 200))]
print("ready", flush=True)
for keys, vectors in batches:
    cache.keep(ONE, keys, vectors)
"""


def start(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start a process that can import this file, and wait until it says that it is ready."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}"}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_the_same_and_other_vectors_at_once(path: Path) -> None:
    writers = [start(WRITER, path, 0), start(WRITER, path, 1000)]
    for writer in writers:
        assert writer.stdin
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    encoder, given = Counting(), [*instances_of(2000), *instances_of(1000, 5000)]
    assert np.array_equal(CachedEncoder(encoder, VectorCache(path)).encode(given), expected(given))
    assert encoder.asked == []


def test_a_killed_writer_leaves_a_sound_file_with_right_vectors(path: Path) -> None:
    """Each round kills a writer at a random moment; most die in the middle of a transaction and leave its journal."""
    at_random, torn, number, kept = random.Random(11), 0, 0, 0
    journal = path.with_name(f"{path.name}-journal")
    while number < 12 or torn < 5:
        assert number < 60, "hardly any kill hit a transaction"
        writer = start(ENDLESS, path, 4000 * number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            writer.wait(at_random.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        number += 1
        torn += journal.exists()
        found = VectorCache(path).find(ONE, keys_of(4000 * number))
        assert all(np.array_equal(vector, vector_of(key, 1536)) for key, vector in found.items())
        assert len(found) >= kept
        assert len(found) % 200 == 0, "a batch is kept whole or not at all"
        kept = len(found)
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert kept


# --- the command --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that has kept vectors of two encoders; one was used long ago."""
    monkeypatch.delenv("WIJHA_CACHE", raising=False)
    path = Workspace(tmp_path).store / FILE
    filled(path, 1234, 1536).keep(OTHER, keys_of(10), np.ones((10, 1536), np.float32))
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE encoders SET last_used = 1700000000 WHERE name = ?", (OTHER,))
    return tmp_path


def encoders_of(project: Path) -> set[str]:
    return {kept.encoder for kept in VectorCache(Workspace(project).store / FILE).contents()}


def test_show_prints_what_is_kept(project: Path) -> None:
    shown = run(["wijha", "cache", "show"], project, COLUMNS="160").stdout
    assert re.search(r"sha256:11111111…:torch:float32 +│ +1,234 +│ +7 MiB +│ +20", shown)
    assert re.search(r"openvino:bf16 +│ +10 +│ +60 KiB +│ +2023-11-1", shown)
    assert "1,244 vectors; 8 MiB in .wijha/vectors.sqlite" in shown or f"1,244 vectors; 8 MiB in {project}/.wijha/vectors.sqlite" in shown


def test_show_prints_the_whole_name_on_a_narrow_terminal(project: Path) -> None:
    shown = run(["wijha", "cache", "show"], project, COLUMNS="70").stdout
    assert "bf16" in shown and "float32" in shown


def test_where_nothing_was_kept_nothing_is_made(tmp_path: Path) -> None:
    for command in (["show"], ["prune", "--all"]):
        assert "no vectors are kept" in run(["wijha", "cache", *command], tmp_path, WIJHA_CACHE=str(tmp_path / "a/b")).stdout
    assert not list(tmp_path.iterdir())


def test_prune_by_name_and_by_age(project: Path) -> None:
    assert run(["wijha", "cache", "prune", "--encoder", "float32", "--unused-for", "30"], project).stdout == "nothing to remove\n"
    assert "would remove 10 vectors" in run(["wijha", "cache", "prune", "--unused-for", "30", "--dry-run"], project).stdout
    assert encoders_of(project) == {ONE, OTHER}
    assert "removed 10 vectors (60 KiB) of transformer-2" in run(["wijha", "cache", "prune", "--unused-for", "30"], project).stdout
    assert encoders_of(project) == {ONE}
    assert "removed 1,234 vectors" in run(["wijha", "cache", "prune", "--encoder", "sha256:11111111…"], project).stdout
    assert encoders_of(project) == set()


def test_prune_all_gives_the_space_back(project: Path) -> None:
    done = run(["wijha", "cache", "prune", "--all"], project).stdout
    assert "removed 10 vectors" in done and "removed 1,234 vectors" in done and "8 MiB before" in done
    assert (Workspace(project).store / FILE).stat().st_size < 500_000


@pytest.mark.parametrize("options", [[], ["--all", "--encoder", "x"], ["--encoder", "another"], ["--unused-for", "-1"]])
def test_prune_that_names_nothing_removes_nothing(project: Path, options: list[str]) -> None:
    failed = run(["wijha", "cache", "prune", *options], project, code=2)
    assert "--unused-for" in failed.stderr or "there are: transformer-2" in failed.stderr
    assert encoders_of(project) == {ONE, OTHER}


def test_a_damaged_cache_is_an_error_of_one_line(project: Path) -> None:
    (Workspace(project).store / FILE).write_bytes(b"\0" * 5000)
    failed = run(["wijha", "cache", "show"], project, code=2)
    assert failed.stderr.startswith("wijha: ") and "vectors.sqlite" in failed.stderr and "Traceback" not in failed.stderr


def test_a_copy_that_dvc_made_shows_the_cache_of_its_project(project: Path) -> None:
    copy = project / ".dvc/tmp/exps/tmpabc"
    copy.mkdir(parents=True)
    assert "1,244 vectors" in run(["wijha", "cache", "show"], copy).stdout


def test_graphs_and_unfinished_trainings_are_shown_and_pruned_with_everything(project: Path) -> None:
    for name in ("graphs/0123/graph.bin", "finetuning/4567/fold 0.json"):
        (project / ".wijha" / name).parent.mkdir(parents=True)
        (project / ".wijha" / name).write_bytes(b"x" * 5000)
    shown = run(["wijha", "cache", "show"], project).stdout
    assert "1 exported graphs; 5 KiB" in shown and "1 unfinished trainings; 5 KiB" in shown
    run(["wijha", "cache", "prune", "--unused-for", "0"], project)
    assert (project / ".wijha/graphs").exists()
    assert "would remove exported graphs" in run(["wijha", "cache", "prune", "--all", "--dry-run"], project).stdout
    assert "removed exported graphs" in run(["wijha", "cache", "prune", "--all"], project).stdout
    assert not (project / ".wijha/graphs").exists() and not (project / ".wijha/finetuning").exists()
