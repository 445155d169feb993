"""The files of a public data set: from a folder, or from where they are published at a pinned commit, and always of a known checksum."""

import csv
import hashlib
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import Field

from pipeline.config import Strict
from pipeline.errors import WijhaError

Label = TypeVar("Label")
_SECONDS = 30  # that a server may take to answer
_PINNED = r"^https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/"


class File(Strict):
    """One file of a data set; without `url` it can only be put into the folder by hand."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    url: str | None = Field(default=None, pattern=_PINNED, description="raw address on GitHub at a pinned commit")


class Source(Strict):
    """The params.yaml of one benchmark."""

    folder: str = Field(description="where the files are, relative to the repository; if there is no such folder they are downloaded")
    page: str = Field(description="where the data set is published, for readers and for error messages")
    files: dict[str, File] = Field(min_length=1)


def locate(source: Source, root: Path, downloads: Path) -> dict[str, Path]:
    """Return the path of each file: in the folder if it has anything, else in `downloads`, fetched if it is not there yet."""
    folder = root / source.folder
    given = folder.is_dir() and any(folder.iterdir())
    paths = {}
    for name, file in source.files.items():
        path = (folder if given else downloads) / name
        if given and not path.is_file():
            raise WijhaError(f"{folder} has no {name}; get it from {file.url or source.page}, or empty the folder to have all downloaded")
        if not path.is_file():
            _download(name, file, path, source, folder)
        _check(path, file)
        paths[name] = path
    return paths


def _download(name: str, file: File, path: Path, source: Source, folder: Path) -> None:
    advice = f"get the data set from {source.page} into that folder, or name another as `folder` in the benchmark's params.yaml"
    if file.url is None:
        raise WijhaError(f"no folder {folder}, and {name} cannot be downloaded file by file: {advice}")
    try:
        with urllib.request.urlopen(file.url, timeout=_SECONDS) as answer:
            content = answer.read()
    except OSError as error:
        raise WijhaError(f"no folder {folder}, and {file.url} cannot be read ({error}): {advice}") from None
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _check(path: Path, file: File) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != file.sha256:
        raise WijhaError(f"{path} has the sha256 {found}, not {file.sha256}: another version; replace it by the one of {file.url}")


def read_csv(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows of a CSV file; a missing column is an error."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            raise WijhaError(f"{path}: no column {', '.join(missing)}; it has {', '.join(reader.fieldnames or [])}")
        return [{name: row[name] for name in columns} for row in reader]


def label_of(value: str, labels: Mapping[str, Label], path: Path, row: int) -> Label:
    """Return what a written label stands for; one that is not known is an error."""
    if value not in labels:
        raise WijhaError(f"{path}, row {row}: label {value!r} is none of {', '.join(labels)}")
    return labels[value]
