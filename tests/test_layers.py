"""Dependencies point one way, and each library that matters has one door."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("config", "generation", "catalog", "teams", "sandbox")

#: What each package may import of ours. `config` names the apps and may import all of them.
LAYERS = {
    "teams": {"teams"},
    "catalog": {"catalog", "teams"},
    "generation": {"generation", "catalog", "teams"},
    "sandbox": {"sandbox"},
    "config": set(OURS),
}

#: Library: the paths (files, or folders ending in /) that may import it.
FENCES = {
    "boto3": ["catalog/storage/bucket.py"],
    "botocore": ["catalog/storage/bucket.py"],
    "PIL": ["catalog/images.py", "catalog/masks.py", "catalog/videos.py", "sandbox/"],
    "av": ["catalog/videos.py", "sandbox/"],
    "httpx": ["generation/providers/"],
    "httpcore": ["generation/providers/"],
    "celery": [
        "catalog/tasks.py",
        "generation/tasks.py",
        "generation/engine/bootstep.py",
        "config/",
    ],
    "kombu": ["config/"],
    "environs": ["config/"],
    "gunicorn": ["config/"],
}


def source_files(package) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py"))


@cache
def imports(path: Path) -> list[tuple[int, str]]:
    """Each imported module with its line; imports within functions and for types count as well."""
    return list(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively."
            yield node.lineno, node.module or ""


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_only_what_lies_below_it(package):
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in source_files(package)
        for line, module in imports(path)
        if module.partition(".")[0] in set(OURS) - LAYERS[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("library", FENCES)
def test_a_library_comes_in_by_its_door_alone(library):
    wrong = [
        f"{name}:{line}"
        for package in OURS
        for path in source_files(package)
        for line, module in imports(path)
        for name in [str(path.relative_to(ROOT))]
        if module.partition(".")[0] == library
        and not any(name == door or name.startswith(door) for door in FENCES[library])
    ]
    assert wrong == []


def test_every_package_is_looked_at():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - {"tests", "benchmarks"} == set(OURS)


def test_providers_know_neither_models_nor_settings():
    """The registry and the keys hand them what they need, so that a wire can be read on its own."""
    wrong = [
        f"{path.name}:{line} imports {module}"
        for path in source_files("generation/providers")
        if path.name not in ("registry.py", "keys.py")
        for line, module in imports(path)
        if module.startswith(("generation.models", "catalog", "teams", "django.conf", "django.db"))
    ]
    assert wrong == []
