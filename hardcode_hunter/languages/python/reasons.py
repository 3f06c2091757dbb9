"""Why a credential stays where it is: a code for machines, a sentence for the person who must act."""

from __future__ import annotations

from collections.abc import Mapping

WHY: Mapping[str, str] = {
    # the file
    "undecodable": "the file is not text in the encoding it declares; correct its encoding, then plan again",
    "no-syntax": "Python {version} can't compile the file (Python 2, a template, or an error); move this value by hand",
    "no-round-trip": "the parser doesn't give the file back byte for byte; move this value by hand",
    "too-deep": "the file is nested too deeply to be rewritten safely; split the expression, or move this value by hand",
    "timed-out": "rewriting the file took longer than {seconds} s; move this value by hand",
    "crashed": "the rewriter failed on this file{error}; move this value by hand",
    "moved": "no literal stands at the planned place; the file changed, plan again",
    "no-access": "the plan has no secret for this value; give it one, then plan again",
    "no-helper-module": "no module name is known under which this file can import the helper; plan again from the root of the project",
    "one-line-module": "the import has no place before this value: it stands on the line of the docstring or of a __future__ import; put it on a line of its own",
    "name-taken": "the file uses the name '{name}' for something else than the module; choose the retriever 'helper', or rename it",
    "overlaps": "another change touches the same expression; apply that one, then plan again",
    # the plan
    "needs-review": "{reason}; apply it with the tier 'review' once you have looked at it",
    # the place
    "comparison": "a password that is compared belongs in a user store as a hash, not in a secret that every process reads",
    "pattern": "a case pattern must be a literal; compare with == against a value from the secret",
    "decorator": "a decorator's argument is evaluated once at import; pass the value inside the function",
    "annotation": "an annotation holds types, not values; remove the credential",
    "not-code": "this is text, not code: remove the value from it by hand, and revoke it if it was published",
    "embedded": "the value stands inside a longer text of its own format; load the text, then set the value from the secret",
    "partly-computed": "only a part of this value is written here, the rest is computed; move the whole value by hand",
    "nested-fstring": "the literal stands inside another f-string, where Python before 3.12 has no quotes left; assign it to a name first",
    "template-string": 'a template string (t"…") is no str; move this value by hand',
    "assembled": "the credential is put together from pieces in several statements; write it as one literal, then plan again",
    "implicit-concatenation": "the literal is one piece of a longer one; put the credential into a literal of its own",
    "binary-value": "bytes that are not ASCII can't be kept in a text secret; store them as SecretBinary by hand",
    "not-a-number": "only whole decimal numbers can be stored; move this value by hand",
    "formatted": "the literal is a format for % or str.format, in which a rotated value could hold a placeholder; build the text from its parts",
    "pasted": "the value is put into a URL or a connection string there, which a rotated one could break; assign it to a name, which is quoted where it is used, or pass it as an argument of its own",
    "raw-quote": "the literal is raw and written in the quotes that its own format needs; write it in the other quotes",
    "comment-inside": "a comment stands inside the literal and would be lost; move it out first",
    "no-such-part": "the literal has no part '{part}' that can be replaced alone; move this value by hand",
    # defaults
    "lambda-default": "a lambda has no body in which a default could be fetched; make it a function",
    "decorated-default": "a decorator reads this function's signature, so that its default can't be moved into the body; fetch the value in the function by hand",
    "one-line-suite": "the function stands on one line; give its body lines of its own, then plan again",
    "unused-default": "the body never uses this parameter, so that there is nowhere to fetch it; remove the default",
    "none-is-meaningful": "None already means something for this parameter; fetch the value in the function by hand",
    "unknown-default": "this call evaluates its default even when it isn't needed, and it isn't known how to ask it first; fetch the value by hand",
    "orm-default": "a model's default is written into migrations; give the field a function that returns the value",
    # class fields
    "enum-member": "an Enum member is a constant of the class; read the secret where the member is used",
    "namedtuple-field": "a NamedTuple evaluates its defaults once and has no factories; pass the value when it is made",
    "typed-dict-field": "a TypedDict has no defaults; pass the value when it is made",
    "class-attribute-used": "the class attribute itself is read ({place}), and a factory would remove it; fetch the value in __init__ by hand",
    # AWS keys
    "aws-key": "static AWS keys are not stored anywhere: delete this value and let the code run with a role or a profile",
    "aws-key-mixed": "the other half of the key pair is computed; delete both arguments by hand and let the code run with a role or a profile",
    # connections
    "password-given-twice": "the call already has a password argument; remove the one in the connection string by hand",
}


class Unchanged(Exception):
    """A rewrite that is not made. Holds a code of :data:`WHY` and what fills its sentence; never a value."""

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    @property
    def why(self) -> str:
        return sentence(self.code, **self.details)


def sentence(code: str, **details: object) -> str:
    """The sentence for ``code``; a failed proof is named by what follows ``proof-``."""
    if code.startswith("proof-"):
        return f"the rewrite failed its proof ({PROOFS[code[6:]]}), so the file was left alone here; move this value by hand"
    return WHY[code].format_map(details)


PROOFS: Mapping[str, str] = {
    "bytes": "the edits don't add up to what the codemod made",
    "compiles": "the result doesn't compile",
    "syntax-tree": "something else than the planned places would change",
    "comments": "a comment would change",
    "plaintext": "the value would still stand there in some form",
    "value": "the program would get another value than before",
    "any-password": "a rotated password with special characters would break it",
    "type": "the type of the value would change",
    "again": "a second run would change the file again",
}
