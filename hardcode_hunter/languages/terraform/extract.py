"""Literals and references of a Terraform file: attributes of all blocks, objects, function arguments, templates and heredocs."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tree_sitter import Node

from hardcode_hunter.languages.embedded import Embedded, Inside
from hardcode_hunter.languages.gather import Found, Gather, as_text
from hardcode_hunter.languages.nodes import Scalar, dense
from hardcode_hunter.languages.pairs import NAMES, VALUES, numeric_candidate
from hardcode_hunter.languages.terraform import syntax
from hardcode_hunter.model import Extraction, LiteralType, Position, Source
from hardcode_hunter.plugins import Hits, near

DEFINING = frozenset(["variable", "locals", "module", "output"])
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


def extract(source: Source, hits: Hits) -> Extraction:
    if dense(source.data):
        return as_text(source, hits, 1, "too large to be parsed as Terraform")
    gather = Gather(source, hits)
    root = syntax.parse(source.data)
    reader = Reader(gather)
    for node in syntax.errors(root):
        gather.problem(
            node.start_byte, "could not be parsed as Terraform near this line; the rest of the file was read"
        )
        if node.end_byte > node.start_byte:
            reader.embedded.lines(node.start_byte, node.end_byte, Inside("text"))
    body = syntax.body_of(root)
    if body is not None:
        reader.file(body)
    if b"#" in source.data or b"//" in source.data or b"/*" in source.data:
        reader.embedded.comments(syntax.comments(root))
    if not _utf8(source.data):
        gather.problem(0, "not UTF-8: Terraform refuses the file")
    return gather.extraction()


def _utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


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


class Reader:
    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.data = gather.source.data
        self.path = gather.source.path
        self.folder = syntax.directory(self.path)
        self.embedded = Embedded(gather)
        self.variables = ".tfvars" in self.path
        self.too_deep = False

    # ------------------------------------------------------------ blocks

    def file(self, body: Node) -> None:
        for key, expression in syntax.attributes(body):
            name = syntax.text(key, self.data)
            place = Place((name,), name, key.start_byte)
            if self.variables:
                place = place._replace(
                    scope="tfvars",
                    position=Position.PARAMETER_DEFAULT,
                    note="tfvars",
                    defines=f"{self.folder}#var.{name}",
                )
            self.expression(expression, place)
        seen: Counter[tuple[str, ...]] = Counter()
        for block in syntax.blocks(body):
            words = syntax.labels(block, self.data)
            if words:
                number = seen[words]
                seen[words] += 1
                if words[0] in DEFINING or self._interesting(block.start_byte, block.end_byte):
                    self._top(block, words, number)

    def _interesting(self, start: int, end: int) -> bool:
        """Whether the bytes have a hit, or use a name that leads to one. Symbols are unique outside of one attribute, so that
        nothing has to be counted in what is left out."""
        if near(start, end, self.gather.hits):
            return True
        return self.data.find(b"var.", start, end) >= 0 or self.data.find(b"local.", start, end) >= 0

    def _top(self, block: Node, words: tuple[str, ...], number: int) -> None:
        kind, *rest = words
        body = syntax.body_of(block)
        if body is None:
            return
        if kind == "variable" and rest:
            self._variable(body, rest[0])
        elif kind == "locals":
            for key, expression in syntax.attributes(body):
                name = syntax.text(key, self.data)
                self.expression(
                    expression,
                    Place(
                        ("locals", name), name, key.start_byte, scope="locals", defines=f"{self.folder}#local.{name}"
                    ),
                )
        elif kind == "module" and rest:
            self._module(body, words)
        elif kind == "output" and rest:
            for key, expression in syntax.attributes(body):
                name = syntax.text(key, self.data)
                named = rest[0] if name == "value" else name
                self.expression(expression, Place((*words, name), named, key.start_byte, "output", ".".join(words)))
        else:
            self._plain(body, words, number)

    def _plain(self, body: Node, words: tuple[str, ...], number: int) -> None:
        kind, *rest = words
        resource = {"resource": rest[0] if rest else "", "data": f"data.{rest[0]}" if rest else ""}.get(
            kind, ".".join(words[:2])
        )
        if kind == "provider" and rest:
            alias = syntax.attribute_text(body, "alias", self.data)
            words = (*words, alias) if alias else words
        words = (
            (*words[:-1], f"{words[-1]}[{number}]") if number and not (kind == "provider" and len(words) > 2) else words
        )
        self.body(body, Place(words, resource=resource, scope=".".join(words)))

    def _variable(self, body: Node, name: str) -> None:
        flags = {
            syntax.text(k, self.data): syntax.text(e, self.data)
            for k, e in syntax.attributes(body)
            if syntax.text(k, self.data) in ("sensitive", "ephemeral")
        }
        for key, expression in syntax.attributes(body):
            if syntax.text(key, self.data) == "default":
                # the variable's own name is where the extent begins: the block's start would do as well
                place = Place(
                    ("variable", name, "default"),
                    name,
                    key.start_byte,
                    scope="variables",
                    defines=f"{self.folder}#var.{name}",
                    position=Position.PARAMETER_DEFAULT,
                    note="sensitive" if flags.get("sensitive") == "true" else "",
                )
                self.expression(expression, place)

    def _module(self, body: Node, words: tuple[str, ...]) -> None:
        target = syntax.module_directory(self.path, syntax.attribute_text(body, "source", self.data))
        for key, expression in syntax.attributes(body):
            name = syntax.text(key, self.data)
            if name in ("source", "version", "count", "for_each", "depends_on", "providers"):
                continue
            defines = f"{target}#var.{name}" if target is not None else ""
            self.expression(
                expression, Place((*words, name), name, key.start_byte, ".".join(words[:1]), ".".join(words), defines)
            )

    def body(self, body: Node, place: Place) -> None:
        if self._deep(place, body):
            return
        for key, expression in syntax.attributes(body):
            if not self._interesting(key.start_byte, expression.end_byte):
                continue
            name = syntax.text(key, self.data)
            self.expression(
                expression,
                place._replace(keys=(*place.keys, name), name=name, extent=key.start_byte, depth=place.depth + 1),
            )
        seen: Counter[str] = Counter()
        for block in syntax.blocks(body):
            words = syntax.labels(block, self.data)
            inner = syntax.body_of(block)
            if not words or inner is None:
                continue
            number = seen[".".join(words)]
            seen[".".join(words)] += 1
            if not self._interesting(block.start_byte, block.end_byte):
                continue
            words = (*words[:-1], f"{words[-1]}[{number}]") if number else words
            below = place._replace(keys=(*place.keys, *words), depth=place.depth + 1)
            note = kind if (kind := words[0].partition("[")[0]) in ("connection", "provisioner") else place.note
            resource = ".".join(words) if kind == "backend" else place.resource
            self.body(inner, below._replace(scope=below.symbol, note=note, resource=resource))

    def _deep(self, place: Place, node: Node) -> bool:
        if place.depth <= syntax.DEPTH:
            return False
        if not self.too_deep:
            self.too_deep = True
            self.gather.problem(
                node.start_byte, f"nested deeper than {syntax.DEPTH} levels; what lies deeper was not read"
            )
        return True

    # ------------------------------------------------------------ expressions

    def expression(self, node: Node, place: Place) -> None:
        """Adds what the expression passes on to ``place``: literals, references, literal arms."""
        place = place._replace(depth=place.depth + 1)
        if self._deep(place, node):
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
        comparison = any(c.type in ("==", "!=") for c in children)
        name = ""
        for number, child in enumerate(children):
            if child.type == "variable_expr":
                used = syntax.traversal_at(children, number, self.data)
                name = used.names[-1]
                self._reference(used, place)
        below = place._replace(position=Position.COMPARISON, name=name or place.name) if comparison else place
        skip = node.type == "conditional"
        for number, child in enumerate(children):
            if child.type == "index":
                self._index(child, place)
            elif child.type not in ("variable_expr", "get_attr") and (child.children or child.type == "numeric_lit"):
                arm = below._replace(note="condition", position=Position.COMPARISON) if skip and number == 0 else below
                self.expression(child, arm)

    def _index(self, node: Node, place: Place) -> None:
        for child in node.children:
            for used in syntax.traversals(child, self.data):
                self._reference(used, place._replace(resource="", name="index"))

    def _reference(self, used: syntax.Traversal, place: Place) -> None:
        root, *names = used.names
        if root not in ("var", "local") or not names:
            return
        targets = [f"{self.folder}#{root}.{names[0]}"]
        if len(names) > 1:
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
        for child in node.named_children:
            if child.type == "function_arguments":
                for argument in child.named_children:
                    self.expression(argument, inner)

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
        words = []
        for child in node.children:
            if child.type == "template_literal":
                words.append(syntax.unescape(syntax.text(child, self.data)))
            elif child.type not in ("quoted_template_start", "quoted_template_end"):
                words.append("\0")
                self._parts(child, place._replace(keys=(*place.keys, "${}")))
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
