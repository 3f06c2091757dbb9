"""Runs programs with recording stand-ins for every library but the standard one, and tells what they did.

A child process of ``test_rewrite_oracle``: reads a JSON list of programs from standard input, writes a JSON list of traces. Network
modules of the standard library are stand-ins too, so that nothing is ever connected. Where ``AWS_ENDPOINT_URL`` is set, secrets are read
from there: by the generated module as it is emitted, and by the look-ups of the other retrievers with their own libraries.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import os
import sys
import types
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from psycopg2.extensions import parse_dsn

from hardcode_hunter import shapes
from hardcode_hunter.model import Shape

NETWORK = ("smtplib", "ftplib", "imaplib", "urllib.request", "subprocess")
REAL = (
    "attr",
    "attrs",
    "pydantic",
    "pydantic_core",
    "pydantic_settings",
    "annotated_types",
    "typing_extensions",
    "typing_inspection",
    "dotenv",
    "aws_secretsmanager_caching",
    "aws_lambda_powertools",
)
"""Libraries that are run as they are: what counts is the object that their classes make."""
SERVICES = ("secretsmanager", "ssm")
CLIENTS: dict[str, Any] = {}  # the real ones, where there is an endpoint
FACTORIES = {"default_factory": "default", "factory": "default"}


ENGINES = ("sqlalchemy.create_engine", "sqlalchemy.ext.asyncio.create_async_engine")


class Recorder:
    """Answers to everything, and notes each call in ``calls``. An engine's URL is noted without its user and password, which
    :func:`connected` tells."""

    calls: ClassVar[list[Any]] = []
    engines: ClassVar[
        list[tuple[Any, str, list[Any]]]
    ] = []  # engine, URL, functions that are called before each connection

    def __init__(self, name: str, owner: Any = None) -> None:
        self.__dict__["name"] = name
        self.__dict__["owner"] = owner

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__") and attribute.endswith("__"):
            raise AttributeError(attribute)
        return Recorder(f"{self.name}.{attribute}", self)

    def __setattr__(self, attribute: str, value: object) -> None:
        Recorder.calls.append([f"{self.name}.{attribute} =", told(value)])

    def __setitem__(self, key: object, value: object) -> None:
        Recorder.calls.append([f"{self.name}[{key!r}] =", told(value)])

    def __getitem__(self, key: object) -> Any:
        return Recorder(f"{self.name}[{key!r}]")

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        if len(args) == 1 and not keywords and isinstance(args[0], (types.FunctionType, type)):
            return args[0]  # a decorator
        if self.name == "sqlalchemy.event.listens_for":
            return self._listening(*args)
        made = Recorder(f"{self.name}()")
        if self.name in ENGINES and args and isinstance(args[0], str):
            Recorder.engines.append((made, args[0], []))
            scheme, _, rest = args[0].partition("://")
            args = (f"{scheme}://{rest.rpartition('@')[2]}", *args[1:])
        Recorder.calls.append([self.name, *normal(self.name, args, keywords)])
        return made

    def _listening(self, target: Any, event: str) -> Any:
        """A decorator that adds a listener to the engine ``target``, or to the one whose attribute that is."""
        functions = next(f for engine, _, f in Recorder.engines if engine in (target, target.owner))

        def listening(function: Any) -> Any:
            functions.append(function)
            return function

        assert event == "do_connect"
        return listening

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (object,)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __await__(self) -> Iterator[Any]:
        return iter(())

    def __str__(self) -> str:
        return f"<{self.name}>"

    __repr__ = __str__


def normal(name: str, args: Sequence[Any], keywords: dict[str, Any]) -> tuple[Any, Any]:
    """A call in the one form that calls of the same meaning have: a factory is its default, libpq's string its keywords."""
    named = {FACTORIES.get(key, key): value for key, value in keywords.items() if not key.startswith("aws_")}
    rest = list(args)
    if name == "psycopg2.connect":
        text = rest.pop(0) if rest else named.pop("dsn", "")
        named |= dict(parse_dsn(text)) if isinstance(text, str) and text else {}
    return [told(value) for value in rest], {key: told(value) for key, value in sorted(named.items())}


def connected() -> list[Any]:
    """User and password with which each engine would make a connection now: those of its URL, and what its listeners make of them."""
    told_of = []
    for _, url, functions in Recorder.engines:
        parts = urlsplit(url)
        keywords = {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
        for function in functions:
            function(None, None, [], keywords)
        told_of.append(keywords)
    return told_of


def told(value: object, depth: int = 3) -> Any:
    """A value as JSON can hold it; functions without arguments are told by what they return."""
    if (
        isinstance(value, types.FunctionType)
        and value.__name__ == "<lambda>"
        and not value.__code__.co_argcount
        and depth
    ):
        return told(value(), depth - 1)
    if isinstance(value, dict):
        return {"dict": [[told(k), told(v, depth - 1)] for k, v in value.items()]} if depth else "…"
    if isinstance(value, (list, tuple, set)):
        return [type(value).__name__, [told(v, depth - 1) for v in value]] if depth else "…"
    if isinstance(value, str) and shapes.recognise(value) in (Shape.DSN, Shape.ODBC):
        return [
            "parts",
            dict(shapes.extract(shapes.recognise(value), value)),
        ]  # quotes and braces around a part mean nothing
    if isinstance(value, (str, int, float, bytes, type(None), Recorder)):
        return [type(value).__name__, str(value)]
    return f"<{type(value).__name__}>"


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives a stand-in for each module that isn't in the standard library."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        top = name.partition(".")[0]
        if top in REAL or (top in sys.stdlib_module_names and name not in NETWORK):
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)
        recorder = Recorder(spec.name)
        module.__getattr__ = lambda attribute: getattr(recorder, attribute)  # type: ignore[method-assign]
        if spec.name == "boto3" and CLIENTS:
            vars(module).update(client=_client, __version__="1.0")
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.setdefault("__path__", [])


def _client(service: str, *args: Any, **keywords: Any) -> Any:
    """What a program gets from ``boto3.client``: for the services that keep secrets the real client, unless it brings its own keys."""
    if service in CLIENTS and not args and not keywords:
        return CLIENTS[service]
    return Recorder("boto3.client")(service, *args, **keywords)


def store(secrets: dict[str, str], emitted: str) -> types.ModuleType:
    """The generated module: as it is ``emitted``, or with the values of one case."""
    module = types.ModuleType("secret_store")
    if emitted and CLIENTS:
        exec(compile(emitted, "secret_store.py", "exec", dont_inherit=True), module.__dict__)
        module._client = lambda service, identifier: CLIENTS[service]  # type: ignore[attr-defined]
        return module

    def get_secret(secret: str, field: str | None = None, *, fresh: bool = False) -> str:
        return secrets.get(f"{secret}/{field or ''}", f"<{secret}/{field}>")

    async def get_secret_async(secret: str, field: str | None = None, *, fresh: bool = False) -> str:
        return get_secret(secret, field)

    async def with_rotation_async(secret: str, refused: object, function: Any) -> Any:
        return await function()

    module.get_secret = get_secret  # type: ignore[attr-defined]
    module.get_secret_async = get_secret_async  # type: ignore[attr-defined]
    module.with_rotation = lambda secret, refused, function: function()  # type: ignore[attr-defined]
    module.with_rotation_async = with_rotation_async  # type: ignore[attr-defined]
    return module


def decouple() -> types.ModuleType:
    """A reader of settings as python-decouple is one, for what programs ask of it here."""
    module = types.ModuleType("decouple")
    module.config = lambda name, default=None, cast=str: os.environ.get(name, default)  # type: ignore[attr-defined]
    return module


def run(program: str, secrets: dict[str, str], environment: dict[str, str], emitted: str = "") -> dict[str, Any]:
    """Executes the program, then calls each of its functions and makes an object of each of its classes."""
    known = set(sys.modules)
    Recorder.calls, Recorder.engines = [], []
    printed = io.StringIO()
    module = types.ModuleType("case")
    before = dict(os.environ)
    os.environ.update(environment)
    sys.modules["secret_store"] = store(secrets, emitted)
    sys.modules["case"] = module
    sys.modules["decouple"] = decouple()
    module.__file__ = "/nowhere/case.py"
    try:
        with contextlib.redirect_stdout(printed):
            outcome = _guarded(lambda: exec(compile(program, "case.py", "exec", dont_inherit=True), module.__dict__))
            uses = [
                _used(name, value)
                for name, value in sorted(vars(module).items())
                if getattr(value, "__module__", "") == "case" and not name.startswith(("_read_", "_with_"))
            ]
        connections = connected()
        variables = {name: value for name, value in os.environ.items() if before.get(name) != value}
    finally:
        os.environ.clear()
        os.environ.update(before)
        for name in set(sys.modules) - known:
            del sys.modules[name]
    values = {
        n: told(v)
        for n, v in vars(module).items()
        if n[0] != "_" and not isinstance(v, (types.ModuleType, types.FunctionType, type, Recorder))
    }
    return {
        "outcome": outcome,
        "calls": Recorder.calls,
        "printed": printed.getvalue(),
        "values": values,
        "uses": uses,
        "environment": variables,
        "connections": connections,
    }


def _used(name: str, value: object) -> Any:
    if isinstance(value, types.FunctionType):
        code = value.__code__
        required = code.co_argcount - len(value.__defaults__ or ())
        return [name, _guarded(lambda: _finished(value(*["x"] * required)))]
    if isinstance(value, type) and value.__init__ is not object.__init__:  # type: ignore[misc]
        return [name, _guarded(lambda: dict(vars(value())))]
    if isinstance(value, type):
        return [name, {n: told(v) for n, v in vars(value).items() if n[0] != "_"}]
    return [name, told(value)]


def _finished(result: Any) -> Any:
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


def _guarded(work: Any) -> Any:
    try:
        return told(work())
    except Exception as error:
        return ["raised", type(error).__name__, str(error)]


def _connect() -> None:
    """Loads the libraries that read secrets, before anything stands in for them, and makes the clients."""
    import boto3

    for library in ("aws_secretsmanager_caching", "aws_lambda_powertools.utilities.parameters"):
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    CLIENTS.update({service: boto3.client(service) for service in SERVICES})
    CLIENTS["secretsmanager"].list_secrets()  # what botocore imports late, it imports now
    CLIENTS["ssm"].describe_parameters()


def main() -> None:
    import urllib

    import pydantic_settings  # noqa: F401  (the real ones, before the stand-ins)

    if os.environ.get("AWS_ENDPOINT_URL"):
        _connect()
    real = [name for name in sys.modules if name.partition(".")[0] in ("psycopg2", "boto3")]
    for name in (*real, *NETWORK):
        sys.modules.pop(name, None)
    vars(urllib).pop("request", None)
    sys.meta_path.insert(0, Finder())
    cases = json.load(sys.stdin)
    json.dump(
        [
            [run(program, case["secrets"], case["environment"], case.get("module", "")) for program in case["programs"]]
            for case in cases
        ],
        sys.stdout,
    )


if __name__ == "__main__":
    main()
