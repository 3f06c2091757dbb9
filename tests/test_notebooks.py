"""Notebooks: what stands in a cell or was printed by one is found at its bytes; what is encoded, an image say, is not looked at."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from hardcode_hunter import firstpass, pipeline, ruleset
from hardcode_hunter.model import Finding, Source

VALUE = "harbour-light-9"
RULES = ruleset.load()


def notebook(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1).encode()


def code(source: list[str], *outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cell_type": "code", "execution_count": 1, "metadata": {}, "source": source, "outputs": list(outputs)}


def found(data: bytes) -> list[Finding]:
    return list(pipeline.alone(RULES, b"k" * 32)("report.ipynb", data))


ASSIGNED = f'db_password = "{VALUE}"\n'
PLACES = {
    "code": code(["x = 1\n", ASSIGNED]),
    "code in one string": code([f"x = 1\n{ASSIGNED}"]) | {"source": f"x = 1\n{ASSIGNED}"},
    "markdown": {"cell_type": "markdown", "metadata": {}, "source": ["Use ", ASSIGNED]},
    "raw": {"cell_type": "raw", "metadata": {}, "source": [ASSIGNED]},
    "printed": code(["show()"], {"output_type": "stream", "name": "stdout", "text": ["settings:\n", ASSIGNED]}),
    "a result": code(
        ["show()"],
        {
            "output_type": "execute_result",
            "execution_count": 1,
            "metadata": {},
            "data": {"text/plain": [f"{{'db_password': '{VALUE}'}}"]},
        },
    ),
    "a traceback": code(
        ["show()"],
        {"output_type": "error", "ename": "E", "evalue": "x", "traceback": [f"----> 1 connect(db_password='{VALUE}')"]},
    ),
    "a URL that was printed": code(
        ["show()"],
        {"output_type": "stream", "name": "stdout", "text": [f"postgresql://app:{VALUE}@db.example/orders\n"]},
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_a_credential_is_found_where_it_stands(place: str) -> None:
    data = notebook(code(["import os\n"]), PLACES[place])
    (finding,) = found(data)
    assert VALUE in data[finding.span.start : finding.span.end].decode()
    assert finding.line == data[: finding.span.start].count(b"\n") + 1


def test_what_is_encoded_is_not_looked_at() -> None:
    noise = base64.b64encode(random.Random(3).randbytes(30_000)).decode()
    image = {
        "output_type": "display_data",
        "metadata": {},
        "data": {"image/png": noise, "text/plain": ["<Figure>"]},
    }
    data = notebook(code(["plot(password_column)\n"], image))
    assert firstpass.hits(data, RULES)
    assert found(data) == []


def test_equal_names_in_several_places_have_identities_of_their_own() -> None:
    findings = found(notebook(*PLACES.values()))
    assert len({f.id for f in findings}) == len(findings) == len(PLACES)


def test_a_cell_that_is_no_python_is_a_problem_and_read_as_text() -> None:
    data = notebook(code(["print 'x'\n", ASSIGNED]))
    extraction = pipeline.languages()["notebook"].candidates(Source("a.ipynb", data, "notebook"), None)
    assert ["not valid Python 3" in p.message for p in extraction.problems] == [True]
    assert len(found(data)) == 1
