"""The modules of this repository that a module imports, however deep: what a DVC stage depends on."""

import ast
from pathlib import Path


def import_closure(module: str, root: Path) -> set[str]:
    """Return the files (relative to root) of `module` and of everything of this repository that it imports, also inside functions."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = _file_of(name, root)
        relative = path.relative_to(root).as_posix()
        if relative not in found:
            found.add(relative)
            waiting += _imports(path, root)
            package = name.rpartition(".")[0]
            waiting += [package] if _exists(package, root) else []  # a package's own __init__ runs too
    return found


def _imports(path: Path, root: Path) -> list[str]:
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in ("pipeline", "experiments") and _exists(name, root)]


def _exists(name: str, root: Path) -> bool:
    base = root / Path(*name.split("."))
    return base.with_suffix(".py").is_file() or (base / "__init__.py").is_file()


def _file_of(name: str, root: Path) -> Path:
    base = root / Path(*name.split("."))
    return base / "__init__.py" if (base / "__init__.py").is_file() else base.with_suffix(".py")
