"""What a reference does at one place: a literal's, or a use of a parameter."""

from __future__ import annotations

import re

from hardcode_hunter import shapes
from hardcode_hunter.languages.cloudformation import containers, lambdas
from hardcode_hunter.languages.cloudformation.hurdles import MANAGED, Spot, hurdle
from hardcode_hunter.languages.cloudformation.intrinsics import HOLE
from hardcode_hunter.languages.cloudformation.references import Reference
from hardcode_hunter.languages.cloudformation.uses import Use, holes, walk_places
from hardcode_hunter.languages.edits import Action, Drop, File, Put
from hardcode_hunter.languages.embedded import unescape
from hardcode_hunter.languages.nodes import Alias, Mapping, Node, Scalar, Sequence
from hardcode_hunter.languages.units import Hurdle
from hardcode_hunter.languages.writing import quoted
from hardcode_hunter.model import Candidate, Home, LiteralType, Replacement, Shape, Span, Tier

UNQUOTED = Hurdle(
    "unquoted",
    "CloudFormation puts the value into the text as it is: a rotated password with / @ : or % in it breaks the URL",
    Tier.REVIEW,
)
_LOGIN = r"://[^\s/@]*:\$\{[ \t]*%s[ \t]*\}@"
Outcome = tuple[list[Action], Hurdle | None]


class Ends:
    """The values of a template by where they end, so that many literals are found with one walk over it."""

    def __init__(self, root: Mapping) -> None:
        self._rows: dict[int, list[tuple[Node, Spot]]] = {}
        for node, spot in walk_places(root):
            self._rows.setdefault(node.end, []).append((node, spot))

    def at(self, span: Span) -> tuple[Node, Spot] | None:
        """The value that stands exactly there."""
        rows = self._rows.get(span.end, ())
        return next(((node, spot) for node, spot in rows if span.start in (node.start, node.outer)), None)


def literal(
    file: File,
    root: Mapping,
    found: tuple[Node, Spot] | None,
    candidate: Candidate,
    row: Replacement,
    said: Reference,
    unread: str | None = None,
) -> Outcome:
    """The literal of ``candidate`` becomes the reference, at the value that was ``found`` there. ``unread`` says why a function's code
    can't read the secret itself; empty when it will."""
    if found is None:
        return _embedded(file, root, candidate, said)
    node, spot = found
    if said.home is Home.ROLE:
        return _role(file, node, spot)
    if said.home is Home.MANAGED:
        return _managed(file, node, spot)
    whole = row.shape is Shape.WHOLE and candidate.literal is not LiteralType.TEMPLATE and not row.part
    container = _variable(file, root, node, spot, said, unread) if whole else None
    if container is not None:
        return container
    why = _told(hurdle(spot, said.home), unread)
    if why is not None and why.tier is None:
        return [], why
    if not isinstance(node, Scalar):
        if candidate.literal is LiteralType.TEMPLATE:
            return [], Hurdle(
                "template",
                "the text is put together by a function, and only a part of it is the credential: write it as one Fn::Sub",
            )
        return [_whole(file, node, said), *said.parameters()], why
    if file.data[node.outer : node.start].find(b"&") >= 0:
        return _anchor(file, root, node, row, said, why)
    if row.shape is not Shape.WHOLE or candidate.literal is LiteralType.TEMPLATE or row.part:
        return _part(file, node, row, said, why)
    return [_whole(file, node, said), *said.parameters()], why


def _variable(file: File, root: Mapping, node: Node, spot: Spot, said: Reference, unread: str | None) -> Outcome | None:
    """What happens to a variable of a function or container whose whole value is ``node``; ``None`` when it is none of these."""
    if unread == "" and lambdas.variable_of(spot):
        return lambdas.variable(file, root, node, spot, said)
    return containers.variable(file, root, node, spot, said) or containers.build(file, root, node, spot, said)


def _told(why: Hurdle | None, unread: str | None) -> Hurdle | None:
    """The hurdle, with the reason why the function's code is not rewritten."""
    if why is None or why.code != "needs-code" or not unread:
        return why
    return Hurdle(why.code, f"{why.why} ({unread})", why.tier)


def _anchor(file: File, root: Mapping, node: Scalar, row: Replacement, said: Reference, why: Hurdle | None) -> Outcome:
    """A value that other places use by its anchor: the reference takes its place when all of them can take it."""
    others = [spot for found, spot in walk_places(root) if isinstance(found, Alias) and found.target is node]
    for spot in others:
        found = hurdle(spot, said.home)
        why = found if found is not None and (why is None or found.tier is None) else why
    if why is not None and why.tier is None:
        return [], why
    if row.shape is not Shape.WHOLE or row.part or node.style in ("|", ">") or node.tag.startswith("!"):
        return [], Hurdle("anchor", "the value is an anchor that other places use: write the reference there by hand")
    put = _whole(file, node, said)
    span = Span(node.start, node.end)  # the anchor itself stays
    return [Put(node, put.text, put.plain, span), *said.parameters()], why


def _embedded(file: File, root: Mapping, candidate: Candidate, said: Reference) -> Outcome:
    """The credential stands inside a longer text: a script, a document."""
    best: tuple[Node, Spot] | None = None
    for node, spot in walk_places(root):
        if node.start <= candidate.span.start and candidate.span.end <= node.end:
            best = (node, spot)
    why = hurdle(best[1]) if best else None
    if (
        best
        and why is not None
        and why.code == "secret-in-template"
        and best[1].dotted == "SecretString"
        and isinstance(best[0], Scalar)
    ):
        return _secret_string(file, root, best[0], best[1], candidate, said, why)
    if why is not None and why.code in ("user-data", "metadata", "custom-resource"):
        return [], Hurdle(why.code, why.why)
    return [], Hurdle("embedded", "the credential stands inside a script or a document: no reference is resolved there")


def _secret_string(
    file: File, root: Mapping, node: Scalar, spot: Spot, candidate: Candidate, said: Reference, why: Hurdle
) -> Outcome:
    """A key of the JSON that the template writes into a secret of its own: that secret may copy it from ours."""
    resources = root.get("Resources")
    body = resources.get(spot.logical_id) if isinstance(resources, Mapping) else None
    properties = body.get("Properties") if isinstance(body, Mapping) else None
    name = properties.text("Name") if isinstance(properties, Mapping) else ""
    before = file.data[node.start + 1 : candidate.span.start]
    prefix = unescape(before)[0] if node.style == '"' else before.replace(b"''", b"'")
    at = len(prefix.decode("utf-8", "replace"))
    raw = file.data[candidate.span.start : candidate.span.end]
    old = (unescape(raw)[0] if node.style == '"' else raw).decode("utf-8", "replace")
    own = bool(name) and f":{name}:" in said.text
    if (
        node.style not in ("'", '"')
        or node.value[at : at + len(old)] != old
        or said.environments
        or not said.text
        or own
    ):
        return [], Hurdle(why.code, why.why)
    return [
        Put(
            node,
            said.text.encode(),
            (node.tag, node.value[:at] + said.text + node.value[at + len(old) :]),
            candidate.span,
        )
    ], why


def _whole(file: File, node: Node, said: Reference) -> Put:
    style = node.style if isinstance(node, Scalar) else ""
    text = quoted(said.text, style, file.json)
    if not said.environments:
        return Put(node, text, ("str", said.text))
    if file.json:
        return Put(node, b'{"Fn::Sub": ' + text + b"}", ("map", [(("str", "Fn::Sub"), ("str", said.text))]))
    return Put(node, b"!Sub " + text, ("!Sub", said.text))


def _role(file: File, node: Node, spot: Spot) -> Outcome:
    """Static AWS keys go: the function or task has a role. Code that reads the variables must stop to do so."""
    above = file.parents.get(id(node))
    if above is None or not any(word in spot.dotted.split(".") for word in ("Environment", "EnvironmentVariables")):
        return [], Hurdle(
            "static-key", "static AWS keys are not stored anywhere: give the resource a role and delete them by hand"
        )
    holder, index = above
    pair = file.parents.get(id(holder))
    if isinstance(holder, Mapping) and pair is not None and isinstance(pair[0], Sequence):
        holder, index = pair
    why = "the variable goes, and the code has to use the credentials of its role: see that it reads no variable and that the role has the rights"
    return [Drop(holder, index)], Hurdle("static-key", why, Tier.REVIEW)


def _managed(file: File, node: Node, spot: Spot) -> Outcome:
    """The service keeps the password: the property is replaced by the switch for it."""
    switch = MANAGED.get(spot.resource, "")
    above = file.parents.get(id(node))
    if not switch or spot.dotted != "MasterUserPassword" or above is None or not isinstance(above[0], Mapping):
        return [], Hurdle(
            "not-managed", "only the master password of a database that AWS manages can be left to the service"
        )
    if file.data[node.outer : node.start].find(b"&") >= 0:
        return [], Hurdle(
            "anchor", "the value is an anchor that other places use: write it out at each of them, then plan again"
        )
    mapping, index = above[0], above[1]
    key = mapping.pairs[index][0]
    name = quoted(switch, "", True) if file.json else switch.encode()
    rename = Put(key, name, ("str", switch))
    value = Put(node, b"true", ("bool", "true"))
    why = "AWS sets a new password and rotates it: every consumer must read the managed secret before the stack is updated"
    return [rename, value], Hurdle("changes-password", why, Tier.REVIEW)


# ---------------------------------------------------------------- a part of a text


def _part(file: File, node: Scalar, row: Replacement, said: Reference, why: Hurdle | None) -> Outcome:
    """The part of a URL or a connection string, in a text that is written without escapes."""
    raw = file.data[node.start : node.end].decode("utf-8", "replace")
    inner = raw[1:-1] if node.style in ("'", '"') else raw
    if row.shape is Shape.BASIC or node.style in ("|", ">") or inner != node.value or "\n" in inner:
        return [], Hurdle(
            "template",
            "the credential is a part of a text that can't be edited in place: write the reference into it by hand",
        )
    sub = node.tag == "!Sub" or _is_sub_argument(file, node)
    # holes are masked by as many letters, so that offsets stay and a colon in a hole separates nothing
    masked = HOLE.sub(lambda m: "x" * len(m.group()), node.value) if sub else node.value
    parts = (
        [p for p in shapes.parse(row.shape, masked) if p.role == (row.part or row.key)]
        if row.shape is not Shape.WHOLE
        else []
    )
    if len(parts) != 1 or masked[parts[0].start : parts[0].end] != node.value[parts[0].start : parts[0].end]:
        return [], Hurdle(
            "template", "the credential could not be told from the text around it: write the reference into it by hand"
        )
    text = node.value[: parts[0].start] + said.text + node.value[parts[0].end :]
    if said.environments and not sub:
        return [], Hurdle("template", "the text would need Fn::Sub to name the environment: write it by hand")
    put = Put(node, quoted(text, node.style, file.json), (node.tag, text), Span(node.start, node.end))
    return [put, *said.parameters()], why or UNQUOTED


def _is_sub_argument(file: File, node: Node) -> bool:
    above = file.parents.get(id(node))
    if above is None:
        return False
    holder, index = above
    if isinstance(holder, Mapping):
        key = holder.pairs[index][0]
        return isinstance(key, Scalar) and key.value == "Fn::Sub"
    return holder.tag == "!Sub" or _is_sub_argument(file, holder)


# ---------------------------------------------------------------- a use of a parameter


def use(file: File, root: Mapping, used: Use, parameter: str, said: Reference, unread: str | None = None) -> Outcome:
    """The use becomes the reference."""
    if said.home is Home.ROLE:
        return [], Hurdle(
            "static-key",
            "static AWS keys are not stored anywhere: give the resource a role, then delete the parameter by hand",
        )
    if used.blocked:
        return [], Hurdle(
            "function", f"a use of the parameter is an argument of {used.blocked}: no reference is resolved there"
        )
    if said.home is Home.MANAGED:
        return _managed(file, used.whole, used.spot)
    whole = used.text is None or used.text.value.strip() == f"${{{parameter}}}"
    container = _variable(file, root, used.whole, used.spot, said, unread) if whole else None
    if container is not None:
        return container
    why = _told(hurdle(used.spot, said.home), unread)
    if why is not None and why.tier is None:
        return [], why
    if used.text is None:
        return [_whole(file, used.whole, said), *said.parameters()], why or (UNQUOTED if used.in_url else None)
    if re.search(_LOGIN % re.escape(parameter), used.text.value):
        why = why or UNQUOTED
    return _hole(file, used, parameter, said, why)


def _hole(file: File, used: Use, parameter: str, said: Reference, why: Hurdle | None) -> Outcome:
    text = used.text
    spans = holes(file.data, text, parameter) if text else None
    if text is None or spans is None:
        return [], Hurdle(
            "template", "the text that uses the parameter is written with escapes: write the reference into it by hand"
        )
    new, at = text.value, file.data[text.start : text.end]
    for start, end in reversed(spans):
        at = at[: start - text.start] + said.text.encode() + at[end - text.start :]
    new = _replaced(text.value, parameter, said.text)
    variables = isinstance(used.whole, Sequence) or (
        isinstance(used.whole, Mapping) and isinstance(used.whole.pairs[0][1], Sequence)
    )
    simple = "${" not in new and not variables
    if text.style == "" and not file.json:
        at = quoted(new, "", False)
    if simple and text.style not in ("|", ">"):
        # nothing is left to substitute: cfn-lint W1020 reports a Fn::Sub without variables
        return [Put(used.whole, at if not file.json else quoted(new, "", True), ("str", new)), *said.parameters()], why
    actions: list[Action] = [_text_put(file, used, text, at, new), *said.parameters()]
    return actions, why


def _text_put(file: File, used: Use, text: Scalar, at: bytes, new: str) -> Action:
    if isinstance(used.whole, Scalar):  # !Sub text: the node of the call is the text itself
        return Put(used.whole, at, (used.whole.tag, new), Span(text.start, text.end))
    return Put(text, at, (text.tag, new), Span(text.start, text.end))


def _replaced(text: str, parameter: str, new: str) -> str:
    return re.sub(r"\$\{[ \t]*" + re.escape(parameter) + r"[ \t]*\}", lambda _: new, text)
