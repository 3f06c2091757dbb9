"""HCL through tree-sitter: the nodes that matter, what a string says, which names an expression uses."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tree_sitter import Language, Node, Parser, Query, QueryCursor

DEPTH = 150
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))|\$\$\{|%%\{", re.S)
_SAID = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
VARIABLE_FOLDERS = frozenset(["vars", "tfvars", "var", "variables"])
_ADDRESS = {
    "data": 3,
    "ephemeral": 3,
    **dict.fromkeys(("var", "local", "each", "count", "self", "path", "terraform"), 0),
}
"""First name of a traversal → how many of its names are the address of an instance; a resource's has two."""
STAGE_FOLDERS = frozenset(["env", "envs", "environment", "environments", "config", "configs"])


@cache
def _language() -> Language:
    import tree_sitter_hcl

    return Language(tree_sitter_hcl.language())


@cache
def _parser() -> Parser:
    return Parser(_language())


@cache
def _comments() -> Query:
    return Query(_language(), "(comment) @comment")


def comments(root: Node) -> list[tuple[int, int]]:
    """The byte ranges of all comments."""
    nodes = QueryCursor(_comments()).captures(root).get("comment", [])
    return sorted((n.start_byte, n.end_byte) for n in nodes)


def parse(data: bytes) -> Node:
    """The root node; offsets are those of ``data``, whose byte order mark counts as blanks."""
    text = b"   " + data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    text = text.replace(b"\0", b" ")  # the lexer ends there, and Terraform itself refuses the byte
    return _parser().parse(text).root_node


@dataclass(frozen=True, slots=True)
class Traversal:
    """``var.db_password``: ``start`` to ``end`` are its bytes, the attributes behind it included."""

    names: tuple[str, ...]
    start: int
    end: int


def body_of(node: Node) -> Node | None:
    return next((c for c in node.children if c.type == "body"), None)


def labels(block: Node, data: bytes) -> tuple[str, ...]:
    """Type and labels of a block: ``("resource", "aws_db_instance", "main")``."""
    words = []
    for child in block.children:
        if child.type == "identifier":
            words.append(text(child, data))
        elif child.type == "string_lit":
            words.append(string_value(child, data))
        elif child.type in ("block_start", "body"):
            break
    return tuple(words)


def attributes(body: Node | None) -> Iterator[tuple[Node, Node]]:
    """Name and expression of each attribute of a body."""
    for child in body.children if body is not None else ():
        if child.type == "attribute":
            parts = attribute_parts(child)
            if parts:
                yield parts


def attribute_parts(attribute: Node) -> tuple[Node, Node] | None:
    children = attribute.children
    if len(children) >= 3 and children[0].type == "identifier" and children[-1].type == "expression":
        return children[0], children[-1]
    return None


def blocks(body: Node | None) -> Iterator[Node]:
    for child in body.children if body is not None else ():
        if child.type == "block":
            yield child


def text(node: Node, data: bytes) -> str:
    return data[node.start_byte : node.end_byte].decode("utf-8", "replace")


def unescape(raw: str) -> str:
    """What a quoted template's literal text says."""
    if "\\" not in raw and "$${" not in raw and "%%{" not in raw:
        return raw

    def said(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        if code:
            return chr(min(int(code, 16), 0x10FFFF))
        return _SAID.get(match.group(3), match.group(3)) if match.group(3) else match.group()[1:]

    return _ESCAPE.sub(said, raw)


def string_value(node: Node, data: bytes) -> str:
    """The value of a ``string_lit``."""
    return "".join(unescape(text(c, data)) for c in node.children if c.type == "template_literal")


def attribute_text(body: Node | None, name: str, data: bytes) -> str:
    """The value of an attribute that is a plain string, else an empty text."""
    for key, expression in attributes(body):
        if text(key, data) == name:
            literal = literal_string(expression)
            return string_value(literal, data) if literal is not None else ""
    return ""


def unwrapped(node: Node) -> Node:
    """The collection or call that an expression is, without the nodes that only hold it."""
    while node.type in ("expression", "collection_value") and node.child_count == 1:
        node = node.children[0]
    return node


def literal_string(expression: Node) -> Node | None:
    """The ``string_lit`` that an expression is, if it is one."""
    node = expression
    while node.type in ("expression", "literal_value", "template_expr") and len(node.named_children) == 1:
        node = node.named_children[0]
    return node if node.type == "string_lit" else None


def traversals(node: Node, data: bytes) -> Iterator[Traversal]:
    """Every ``name.attribute…`` below ``node``, without recursion."""
    todo = [node]
    while todo:
        current = todo.pop()
        children = current.children
        for number, child in enumerate(children):
            if child.type == "variable_expr":
                yield traversal_at(children, number, data)
            elif child.children:
                todo.append(child)


def traversal_at(children: list[Node], number: int, data: bytes) -> Traversal:
    names, end = [text(children[number], data)], children[number].end_byte
    plain = True
    for child in children[number + 1 :]:
        if child.type == "get_attr":
            end = child.end_byte
            if plain:
                names.append(text(child.children[-1], data))
        elif child.type in ("index", "splat"):
            # one of several instances: `module.db[0].password` is an output all the same; `var.logins["db"]` is `var.logins.db`
            instance = len(names) == _ADDRESS.get(names[0], 2)
            key = _key(child, data) if plain and not instance else ""
            names += [key] if key else []
            end, plain = child.end_byte, plain and (instance or bool(key))
        else:
            break
    return Traversal(tuple(names), children[number].start_byte, end)


def _key(index: Node, data: bytes) -> str:
    """The text in ``["…"]``, when it is a plain one."""
    inner = next((c for c in index.named_children if c.type == "new_index"), index)
    expression = next((c for c in inner.named_children if c.type == "expression"), None)
    literal = literal_string(expression) if expression is not None else None
    return string_value(literal, data) if literal is not None else ""


def errors(root: Node, limit: int = 20) -> list[Node]:
    """What the parser could not make sense of: the outermost error nodes, at most ``limit``."""
    found: list[Node] = []
    todo = [root]
    while todo and len(found) < limit:
        node = todo.pop()
        if node.is_error or node.is_missing:
            found.append(node)
        elif node.has_error:
            todo += reversed(node.children)
    return found


def directory(path: str) -> str:
    """The module that a file belongs to. A variable file may lie in a folder beside it: ``vars/prod.tfvars``."""
    return served(path)[0]


def served(path: str) -> list[str]:
    """The directories that a file can belong to, the likeliest first. Where a variable file has no configuration beside it, it is for
    one that lies above: ``environments/dev/terraform.tfvars``."""
    folder = posixpath.dirname(path)
    if ".tfvars" not in path:
        return [folder]
    above = [folder]
    while above[-1] and len(above) < 4:
        above.append(posixpath.dirname(above[-1]))
    base = posixpath.basename(folder)
    stem = posixpath.basename(path).partition(".")[0]
    beside = base in VARIABLE_FOLDERS or (base in STAGE_FOLDERS and stem != "terraform")
    return above[1:] if beside else above


def module_directory(path: str, source: str) -> str | None:
    """The directory of a module whose ``source`` is a local path, else ``None``."""
    if not source.startswith(("./", "../")):
        return None
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
    return "" if joined == "." else joined
