"""What an expression passes on to the place it stands in: literals, references, the arms of conditions, texts and what stands in them."""

from __future__ import annotations

import re
from typing import NamedTuple

from tree_sitter import Node

from hardcode_hunter.languages.embedded import Embedded
from hardcode_hunter.languages.gather import Found, Gather
from hardcode_hunter.languages.nodes import Scalar
from hardcode_hunter.languages.pairs import NAMES, VALUES, numeric_candidate
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.model import LiteralType, Position

WRAPPERS = frozenset(["expression", "literal_value", "template_expr", "collection_value"])
TRANSPARENT = frozenset(
    [
        "jsonencode",
        "yamlencode",
        "tostring",
        "sensitive",
        "nonsensitive",
        "base64encode",
        "merge",
        "concat",
        "tomap",
        "toset",
        "tolist",
        "coalesce",
        "try",
        "trimspace",
        "chomp",
        "flatten",
        "ephemeralasnull",
    ]
)
# of these functions only some arguments end up in the result; the others say where to look or how
CARRIED: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("file", "filebase64", "filemd5", "filesha1", "filesha256", "filesha512", "filebase64sha256"), ()),
    **dict.fromkeys(("filebase64sha512", "fileexists", "fileset", "pathexpand", "abspath", "regex", "regexall"), ()),
    **dict.fromkeys(("replace", "substr", "trim", "trimprefix", "trimsuffix", "element", "slice"), (0,)),
    **dict.fromkeys(("split", "join", "templatefile"), (1,)),
    "lookup": (2,),
}
COMPARING = frozenset(["==", "!=", "<", ">", "<=", ">="])
_OPEN = re.compile(r"://[^\s/@]*:\Z")
"""A text that a URL's password follows."""
SCRIPTS = frozenset(
    [
        "user_data",
        "user_data_base64",
        "custom_data",
        "metadata_startup_script",
        "startup_script",
        "inline",
        "command",
        "user_data_replace",
        "script",
        "cloud_init",
        "content",
        "template",
    ]
)


class Place(NamedTuple):
    """Where the walk stands; ``defines`` is the name under which the value can be used elsewhere."""

    keys: tuple[str, ...]
    name: str = ""
    extent: int = 0
    resource: str = ""
    scope: str = ""
    defines: str = ""
    position: Position = Position.PROPERTY
    callee: str = ""
    note: str = ""
    extent_end: int = 0
    depth: int = 0

    @property
    def symbol(self) -> str:
        return ".".join(self.keys)

    @property
    def dotted(self) -> str:
        """The path of the argument below its resource, list indices left out; elsewhere the name."""
        if self.keys[:1] not in (("resource",), ("data",)):
            return self.name
        return ".".join(k.partition("[")[0] for k in self.keys[3:] if k != "${}" and not k.isdigit()) or self.name


class Expressions:
    """The reader of expressions of one file."""

    def __init__(self, gather: Gather, embedded: Embedded) -> None:
        self.gather = gather
        self.data = gather.source.data
        self.folder = syntax.directory(gather.source.path)
        self.embedded = embedded
        self.too_deep = False

    def deep(self, place: Place, node: Node) -> bool:
        if place.depth <= syntax.DEPTH:
            return False
        if not self.too_deep:
            self.too_deep = True
            self.gather.problem(
                node.start_byte, f"nested deeper than {syntax.DEPTH} levels; what lies deeper was not read"
            )
        return True

    def expression(self, node: Node, place: Place) -> None:
        """Adds what the expression passes on to ``place``: literals, references, literal arms."""
        place = place._replace(depth=place.depth + 1)
        if self.deep(place, node):
            return
        while node.type in WRAPPERS and node.child_count == 1:
            node = node.children[0]
        kind = node.type
        if kind == "string_lit":
            self._string(node, syntax.string_value(node, self.data), place)
        elif kind == "numeric_lit":
            if numeric_candidate(place.name):
                self._add(node.start_byte, node.end_byte, syntax.text(node, self.data), place, LiteralType.INT)
        elif kind == "quoted_template":
            self._template(node, place)
        elif kind == "heredoc_template":
            self._heredoc(node, place)
        elif kind == "tuple":
            for number, item in enumerate(c for c in node.named_children if c.type == "expression"):
                if self.gather.full:
                    break
                self._item(item, place, number)
        elif kind == "object":
            self._object(node, place)
        elif kind == "function_call":
            self._call(node, place)
        elif kind in ("bool_lit", "null_lit", "identifier", "comment"):
            return
        else:
            self._parts(node, place)

    def _parts(self, node: Node, place: Place) -> None:
        children = node.children
        comparison = any(c.type in COMPARING for c in children)
        name = ""
        for number, child in enumerate(children):
            if child.type == "variable_expr":
                used = syntax.traversal_at(children, number, self.data)
                name = used.names[-1]
                self._reference(used, place)
        # what is compared goes nowhere
        apart = place._replace(position=Position.COMPARISON, name=name or place.name, resource="", defines="")
        below = apart if comparison else place
        skip = node.type == "conditional"
        for number, child in enumerate(children):
            if child.type == "index":
                self._index(child, place)
            elif child.type not in ("variable_expr", "get_attr") and (child.children or child.type == "numeric_lit"):
                arm = apart._replace(note="condition") if skip and number == 0 else below
                self.expression(child, arm)

    def _index(self, node: Node, place: Place) -> None:
        for child in node.children:
            for used in syntax.traversals(child, self.data):
                self._reference(used, place._replace(resource="", name="index"))

    def _reference(self, used: syntax.Traversal, place: Place) -> None:
        root, *names = used.names
        if root not in ("var", "local", "module") or len(names) < (2 if root == "module" else 1):
            return
        whole = names[:2] if root == "module" else names[:1]
        targets = [f"{self.folder}#{root}.{'.'.join(whole)}"]
        if len(names) > len(whole):
            targets.append(f"{self.folder}#{root}.{'.'.join(names)}")
        for target in targets:
            self.gather.refer(
                used.start,
                used.end,
                target,
                resource=place.resource,
                parameter=place.dotted,
                symbol=place.symbol,
                scope=place.scope,
                defines=place.defines,
            )

    def _item(self, item: Node, place: Place, number: int) -> None:
        position = Position.ELEMENT if place.position is Position.PROPERTY else place.position
        keys = (*place.keys, str(number))
        self.expression(item, place._replace(keys=keys, position=position, defines="", scope=place.scope))

    def _object(self, node: Node, place: Place) -> None:
        rows = [
            (self._key(c.named_children[0]), c.named_children[0], c.named_children[-1])
            for c in node.named_children
            if c.type == "object_elem" and len(c.named_children) >= 2
        ]
        scope = place.symbol if place.position is not Position.ELEMENT else f"{place.scope}.{place.keys[-1]}"
        pair = self._pair(rows) if place.position is Position.ELEMENT else None
        for name, key, value in rows:
            position = Position.PROPERTY if place.position is Position.ELEMENT else place.position
            if pair and value == pair[2]:
                below = place._replace(
                    keys=(*place.keys[:-1], pair[0]),
                    name=pair[0],
                    extent=min(pair[1].start_byte, key.start_byte),
                    extent_end=pair[1].end_byte,
                    position=position,
                )
            else:
                defines = f"{place.defines}.{name}" if place.defines else ""
                below = place._replace(
                    keys=(*place.keys, name),
                    name=name,
                    extent=key.start_byte,
                    scope=scope,
                    defines=defines,
                    position=position,
                )
            self.expression(value, below)

    def _key(self, node: Node) -> str:
        literal = syntax.literal_string(node)
        return syntax.string_value(literal, self.data) if literal is not None else syntax.text(node, self.data).strip()

    def _pair(self, rows: list[tuple[str, Node, Node]]) -> tuple[str, Node, Node] | None:
        name = next((v for k, _, v in rows if k in NAMES), None)
        value = next((v for k, _, v in rows if k in VALUES), None)
        literal = syntax.literal_string(name) if name is not None else None
        if literal is None or value is None or len(rows) > 6:
            return None
        return syntax.string_value(literal, self.data), literal, value

    def _call(self, node: Node, place: Place) -> None:
        name = syntax.text(node.children[0], self.data)
        inner = place if name in TRANSPARENT else place._replace(callee=name, position=Position.ARGUMENT, defines="")
        apart = inner._replace(callee=name, position=Position.ARGUMENT, name="", resource="", defines="")
        for child in node.named_children:
            if child.type == "function_arguments":
                arguments = [row for row in child.named_children if row.type != "comment"]
                for number, argument in enumerate(arguments):
                    self.expression(argument, inner if number in CARRIED.get(name, (number,)) else apart)

    # ------------------------------------------------------------ texts

    def _string(self, node: Node, value: str, place: Place) -> None:
        if self._looked_into(node, value, place):
            return
        self._add(node.start_byte, node.end_byte, value, place, LiteralType.STR)

    def _looked_into(self, node: Node, value: str, place: Place) -> bool:
        """Whether a quoted text was a document or a script, and nothing is left to say of it."""
        if not (value[:1] in ("{", "[") or place.name in SCRIPTS or place.note == "provisioner" or "\n" in value):
            return False
        before = len(self.gather.found)
        scalar = Scalar(node.start_byte, node.end_byte, node.start_byte, value, '"', "str")
        document = self.embedded.scan(scalar, place.symbol, place.resource, place.scope, place.extent)
        return document or (place.name in SCRIPTS and len(self.gather.found) > before)

    def _template(self, node: Node, place: Place) -> None:
        words: list[str] = []
        for number, child in enumerate(node.children):
            if child.type == "template_literal":
                words.append(syntax.unescape(syntax.text(child, self.data)))
            elif child.type not in ("quoted_template_start", "quoted_template_end"):
                after = node.children[number + 1 : number + 2]
                password = _OPEN.search("".join(words)) and after and syntax.text(after[0], self.data)[:1] == "@"
                words.append("\0")
                below = place._replace(keys=(*place.keys, "${}"))
                if password:  # whatever the text is called, this part of it is a password
                    kind = place.keys[1] if place.keys[0] in ("resource", "data") and len(place.keys) > 2 else ""
                    below = below._replace(keys=(*below.keys, "password"), resource=place.resource or kind)
                self._parts(child, below)
        value = "".join(words)
        if value.strip("\0") and not self._looked_into(node, value, place):
            self._add(node.start_byte, node.end_byte, value, place, LiteralType.TEMPLATE)

    def _heredoc(self, node: Node, place: Place) -> None:
        """What stands in the lines of a heredoc; all of it as one literal only when they say nothing (a private key)."""
        first = self.data.find(b"\n", node.start_byte, node.end_byte) + 1
        last = node.children[-1].start_byte if node.children[-1].type == "heredoc_identifier" else node.end_byte
        if first <= node.start_byte or last <= first:
            return
        words = []
        for child in node.children:
            if child.type == "template_literal":
                words.append(syntax.text(child, self.data))
            elif child.type in ("template_interpolation", "template_directive"):
                words.append("\0")
                self._parts(child, place._replace(keys=(*place.keys, "${}")))
        value = "".join(words)
        before = len(self.gather.found)
        style = Scalar(first, last, first, value.strip(), "", "str")
        self.embedded.scan(style, place.symbol, place.resource, place.scope, place.extent)
        if len(self.gather.found) == before and value.strip("\0 \r\n\t"):
            end = first + len(self.data[first:last].rstrip(b" \t\r\n"))
            self._add(
                first,
                end,
                value.strip(" \t\r\n"),
                place._replace(note="heredoc"),
                LiteralType.TEMPLATE if "\0" in value else LiteralType.STR,
            )

    def _add(self, start: int, end: int, value: str, place: Place, literal: LiteralType) -> None:
        self.gather.add(
            Found(
                start=start,
                end=end,
                value=value,
                name=place.name,
                symbol=place.symbol,
                extent=place.extent,
                extent_end=place.extent_end,
                literal=literal,
                position=place.position,
                scope=place.scope or "module",
                resource=place.resource,
                parameter=place.dotted,
                callee=place.callee,
                defines=place.defines,
                note=place.note,
                kept=bool(place.defines),
            )
        )
