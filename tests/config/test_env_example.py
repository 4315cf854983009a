"""`.env.example` and the settings name the same variables."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def variables_read() -> dict[str, object]:
    """Every name that the settings and env.py read, with its default where that is a constant."""
    names: dict[str, object] = {}
    for path in (*sorted(ROOT.glob("config/settings/*.py")), ROOT / "config/env.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = ast.unparse(node.func.value)
            if owner == "env" and node.func.attr != "read_env":
                default = node.args[1] if len(node.args) > 1 else None
                names.setdefault(ast.literal_eval(node.args[0]), default)
            elif owner == "os.environ" and node.func.attr == "get":
                names.setdefault(ast.literal_eval(node.args[0]), None)
    return names


def variables_listed() -> dict[str, str]:
    """Names in the example with the default that stands there."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", text, flags=re.MULTILINE))


def test_lists_exactly_the_variables_that_are_read():
    assert sorted(variables_listed()) == sorted(variables_read())


def test_shows_the_defaults_that_the_settings_have():
    listed = variables_listed()
    for name, default in variables_read().items():
        try:
            value = eval(ast.unparse(default)) if isinstance(default, ast.expr) else None  # noqa: S307
        except NameError:
            continue  # Depends on other settings; the words beside it say how.
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, list):
            value = ",".join(map(str, value))
        if value is not None:
            assert (name, listed[name]) == (name, str(value))


def test_every_variable_has_a_line_of_explanation_above_it():
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"# [A-Z][A-Z0-9_]+=", line):
            assert re.match(r"# .*[a-z].*\.$|# .*\d\.$", lines[number - 1]), line


def test_nothing_is_set_in_the_example():
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
