"""Policies evaluated: a table of cases, and every policy of a small grammar against the tests' own evaluator."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardcode_hunter.store.policies import Answer, Request, decide
from tests import iam

ACCOUNT, ELSEWHERE = "123456789012", "210987654321"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/shop"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:production/shop/db-AbCdEf"
GET = "secretsmanager:GetSecretValue"
CONTEXT = {
    "aws:principalarn": ROLE,
    "aws:principalaccount": ACCOUNT,
    "aws:principalisawsservice": "false",
    "aws:principaltag/team": "shop",
}
NO, MAYBE, YES = Answer.NO, Answer.MAYBE, Answer.YES


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def statement(effect: str = "Allow", action: Any = GET, resource: Any = SECRET, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def to(principal: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return statement(effect, resource="*", Principal=principal, **more)


def answer(*identity: dict[str, Any], resource: dict[str, Any] | None = None, **more: Any) -> Answer:
    request = Request(ROLE, GET, SECRET, CONTEXT, ("aws:principaltag/",))
    given_policies = [policy(*identity)] if identity else []
    return decide(request, given_policies, policy(resource) if resource else None, **{"owner": ACCOUNT, **more}).answer


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ([], NO),
        ([statement()], YES),
        ([statement(action="secretsmanager:*")], YES),
        ([statement(action=["s3:GetObject", "SECRETSMANAGER:getsecretvalue"])], YES),
        ([statement(action="secretsmanager:Put*")], NO),
        ([statement(resource="*")], YES),
        ([statement(resource=SECRET.replace("AbCdEf", "??????"))], YES),
        ([statement(resource=SECRET.replace("db", "mail"))], NO),
        ([statement(), statement("Deny", resource="*")], NO),
        ([statement(), statement("Deny", action="secretsmanager:Delete*", resource="*")], YES),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], YES),
        ([{"Effect": "Allow", "NotAction": "secretsmanager:*", "Resource": "*"}], NO),
        ([{"Effect": "Allow", "Action": "*", "NotResource": SECRET}], NO),
        ([statement(Condition={"StringEquals": {"aws:PrincipalTag/team": "shop"}})], YES),
        ([statement(Condition={"StringEquals": {"aws:PrincipalTag/team": "other"}})], NO),
        ([statement(Condition={"StringEquals": {"aws:PrincipalTag/stage": "x"}})], NO),
        ([statement(Condition={"StringNotEquals": {"aws:PrincipalTag/stage": "x"}})], YES),
        ([statement(Condition={"StringEqualsIfExists": {"aws:PrincipalTag/stage": "x"}})], YES),
        ([statement(Condition={"Null": {"aws:PrincipalTag/stage": "true"}})], YES),
        ([statement(Condition={"Null": {"aws:PrincipalTag/team": True}})], NO),
        ([statement(Condition={"Bool": {"aws:PrincipalIsAWSService": False}})], YES),
        ([statement(Condition={"ForAllValues:StringEquals": {"aws:PrincipalTag/stage": "x"}})], YES),
        ([statement(Condition={"ForAnyValue:StringNotEquals": {"aws:PrincipalTag/stage": "x"}})], NO),
        ([statement(Condition={"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:role/*"}})], YES),
        ([statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})], MAYBE),
        ([statement(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})], MAYBE),
        ([statement(Condition={"DateLessThan": {"aws:PrincipalTag/team": "2030-01-01"}})], MAYBE),
        ([statement(), statement("Deny", Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})], MAYBE),
        ([statement(resource="arn:aws:secretsmanager:*:*:secret:production/${aws:PrincipalTag/team}/*")], YES),
        ([statement(resource="arn:aws:secretsmanager:*:*:secret:${aws:SourceIdentity}/*")], MAYBE),
        ([statement(resource=f"{SECRET[:-6]}${{*}}")], NO),
    ],
)  # fmt: skip
def test_what_its_own_policies_let_a_role_do(identity: list[dict[str, Any]], expected: Answer) -> None:
    assert answer(*identity) is expected


@pytest.mark.parametrize(
    ("resource", "alone", "with_identity"),
    [
        (None, NO, YES),
        (to("*"), YES, YES),
        (to({"AWS": ROLE}), YES, YES),
        (to({"AWS": [ACCOUNT]}), NO, YES),
        (to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), NO, YES),
        (to({"AWS": f"arn:aws:iam::{ELSEWHERE}:role/shop"}), NO, YES),
        (to({"Service": "lambda.amazonaws.com"}), NO, YES),
        (to({"AWS": "AROAEXAMPLEID"}), MAYBE, YES),
        (to("*", "Deny"), NO, NO),
        (to({"AWS": ROLE}, "Deny"), NO, NO),
        (to("*", "Deny", Condition={"ArnNotLike": {"aws:PrincipalArn": ROLE}}), NO, YES),
        (to("*", "Deny", Condition={"ArnNotLike": {"aws:PrincipalArn": [f"{ROLE}-other"]}}), NO, NO),
        ({"Effect": "Deny", "NotPrincipal": {"AWS": f"{ROLE}-other"}, "Action": "*", "Resource": "*"}, NO, NO),
        ({"Effect": "Deny", "NotPrincipal": {"AWS": ROLE}, "Action": "*", "Resource": "*"}, NO, MAYBE),
    ],
)
def test_what_the_secrets_policy_adds(resource: dict[str, Any] | None, alone: Answer, with_identity: Answer) -> None:
    assert answer(resource=resource) is alone
    assert answer(statement(), resource=resource) is with_identity


@pytest.mark.parametrize(
    ("resource", "with_identity", "expected"),
    [
        (None, True, NO),
        (to({"AWS": ROLE}), False, NO),
        (to({"AWS": ROLE}), True, YES),
        (to({"AWS": ACCOUNT}), True, YES),
        (to({"AWS": ELSEWHERE}), True, NO),
    ],
)
def test_across_accounts_both_must_allow(
    resource: dict[str, Any] | None, with_identity: bool, expected: Answer
) -> None:
    assert answer(*([statement()] if with_identity else []), resource=resource, owner=ELSEWHERE) is expected


@pytest.mark.parametrize(
    ("resource", "with_identity", "expected"),
    [
        (None, True, NO),
        (to({"AWS": ROLE}), False, YES),
        (to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), False, NO),
        (to({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), True, YES),
    ],
)
def test_a_keys_own_policy_must_allow(resource: dict[str, Any] | None, with_identity: bool, expected: Answer) -> None:
    assert answer(*([statement()] if with_identity else []), resource=resource, key=True) is expected


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [(statement(), YES), (statement(action="s3:*"), NO), (statement("Deny"), NO)],
)
def test_a_boundary_limits_and_grants_nothing(boundary: dict[str, Any], expected: Answer) -> None:
    assert answer(statement(), boundary=policy(boundary)) is expected
    assert answer(boundary=policy(statement())) is NO


def test_the_reason_names_what_decides() -> None:
    request = Request(ROLE, GET, SECRET, CONTEXT)
    asked = statement(Condition={"StringEquals": {"aws:SourceVpce": "vpce-1"}})
    assert decide(request, [policy(asked)], None, owner=ACCOUNT).why.endswith("depends on aws:SourceVpce")
    assert "no policy allows" in decide(request, [], None, owner=ACCOUNT).why
    assert "denies" in decide(request, [policy(statement("Deny"))], None, owner=ACCOUNT).why


# ---------------------------------------------------------------- against another evaluator

ACTIONS = st.sampled_from([GET, "secretsmanager:*", "*", "secretsmanager:Get*", "kms:Decrypt", "s3:GetObject"])
RESOURCES = st.sampled_from(
    ["*", SECRET, SECRET[:-6] + "??????", SECRET.replace("shop", "other"), "arn:aws:secretsmanager:*"]
)
ARNS = st.sampled_from(
    [ROLE, f"arn:aws:iam::{ACCOUNT}:role/*", f"arn:aws:iam::{ACCOUNT}:role/other", f"arn:aws:iam::{ACCOUNT}:root"]
)
CONDITIONS = st.one_of(
    st.just({}),
    st.builds(
        lambda operator, arns: {operator: {"aws:PrincipalArn": arns}},
        st.sampled_from(["ArnLike", "ArnNotLike", "StringLike", "StringNotLike", "StringEquals", "ArnEquals"]),
        st.lists(ARNS, min_size=1, max_size=3),
    ),
    st.builds(lambda value: {"Bool": {"aws:PrincipalIsAWSService": value}}, st.sampled_from(["true", "false"])),
    st.just({"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}),
)
EFFECTS = st.sampled_from(["Allow", "Allow", "Deny"])
IDENTITY = st.builds(
    lambda e, a, r, c: {"Effect": e, "Action": a, "Resource": r, **({"Condition": c} if c else {})},
    EFFECTS,
    st.lists(ACTIONS, min_size=1, max_size=2),
    RESOURCES,
    CONDITIONS,
)
PRINCIPALS = st.sampled_from(["*", {"AWS": ROLE}, {"AWS": [f"arn:aws:iam::{ACCOUNT}:root"]}, {"AWS": f"{ROLE}-other"}])
RESOURCE = st.builds(lambda s, p: {**s, "Principal": p}, IDENTITY, PRINCIPALS)


@settings(max_examples=600, deadline=None)
@given(st.lists(IDENTITY, max_size=3), st.lists(RESOURCE, max_size=2), st.booleans(), st.booleans())
def test_it_agrees_with_the_tests_own_evaluator(
    identity: list[dict[str, Any]], resource: list[dict[str, Any]], key: bool, foreign: bool
) -> None:
    owner = ELSEWHERE if foreign else ACCOUNT
    theirs = policy(*resource) if resource else None
    expected = iam.allowed(iam.Request(ROLE, GET, SECRET), [policy(*identity)], theirs, owner=owner, key=key)
    found = decide(Request(ROLE, GET, SECRET, CONTEXT), [policy(*identity)], theirs, owner=owner, key=key)
    assert found.answer is (Answer.YES if expected else Answer.NO)
