"""The rooms keep their shape, so that a newcomer finds any behaviour from the names alone."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SIDES = ("slack", "ringcentral")
CORE_FILES = {"inbound.py", "parse.py", "render.py", "client.py", "sender.py"}
WORDLESS = {"utils", "util", "helpers", "common", "manager", "base", "misc"}
SOURCES = sorted(
    path
    for room in ("bridge", "storage")
    for path in (ROOT / room).rglob("*.py")
    if "migrations/versions" not in path.as_posix()
)
PRODUCT = [path for path in SOURCES if "sandbox" not in path.parts]
NAMED_BY_OTHERS = {"process_bind_param", "process_result_value"}  # what SQLAlchemy calls


@pytest.mark.parametrize("side", SIDES)
def test_the_two_sides_mirror_each_other(side: str) -> None:
    """Each side has the same five core files."""
    files = {path.name for path in (ROOT / "bridge" / side).glob("*.py")}
    assert files >= CORE_FILES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_is_inside(path: Path) -> None:
    """No module is a drawer for anything, and no function only says that it handles something."""
    assert path.stem not in WORDLESS
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            vague = node.name.startswith(("handle_", "process_"))
            assert not vague or node.name in NAMED_BY_OTHERS, node.name


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_explained(path: Path) -> None:
    """Every module, and every public class and function of one, has a docstring."""
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not tree.body, "the module"
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        if not node.name.startswith("_") and not _is_overload(node):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_are_short(path: Path) -> None:
    """A function longer than a screen has more than one reason to change."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name


def _contract(name: str) -> dict[str, Any]:
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    return next(each for each in tool["importlinter"]["contracts"] if each["name"] == name)


@pytest.mark.parametrize(
    ("name", "listing", "but"),
    [
        ("The simulators know nothing of the bridge", "forbidden_modules", {"bridge.sandbox"}),
        (
            "Only the command and the tests import the sandbox",
            "source_modules",
            {"bridge.sandbox", "bridge.__main__"},
        ),
    ],
)
def test_import_rules_forget_no_module(name: str, listing: str, but: set[str]) -> None:
    """A room or file that comes is under the rules that name every one."""
    rooms = {
        f"bridge.{path.stem}"
        for path in (ROOT / "bridge").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert {*_contract(name)[listing]} == (rooms | {"storage"}) - but


def _is_overload(node: ast.stmt) -> bool:
    return any(
        isinstance(each, ast.Name) and each.id == "overload"
        for each in getattr(node, "decorator_list", ())
    )
