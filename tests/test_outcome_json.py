"""The JSON form: what the shipped schema says, and what stands in it."""

import json
import math
from dataclasses import replace

import jsonschema
import pytest
from judged_pages import FAULTY, SECOND, SOUND, SOURCE, UNREAD

from derivcheck import outcome_json
from derivcheck.checked import Judged
from derivcheck.diagnostic import Diagnostic, Severity
from derivcheck.verdict import Evidence, Outcome

ITEM_KEYS = {
    *("line", "column", "end_line", "end_column", "latex", "kind", "verdict", "code", "message"),
    *("reading", "assumptions", "inductions", "counterexample", "suggestion"),
    *("rests_on", "evidence"),
}


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(outcome_json.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def written(*results):
    return json.loads(outcome_json.dumps(results))


def test_documents_meet_the_schema(validator):
    validator.validate(written(FAULTY, SOUND, UNREAD))
    validator.validate(written())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.update(schema=2),
        lambda d: d["documents"][0].update(verdict="verified"),
        lambda d: d["documents"][0]["items"][1].pop("evidence"),
        lambda d: d["documents"][0]["items"][1].update(kind="theorem"),
        lambda d: d["documents"][0]["items"][1].update(line=0),
        lambda d: d["documents"][0]["items"][1].update(surprise=1),
        lambda d: d["documents"][0]["items"][2]["counterexample"].pop("left"),
        lambda d: d["documents"][0]["items"][2]["counterexample"]["extents"].update(M="2"),
    ],
)
def test_the_schema_rejects_what_the_issue_does_not_say(validator, spoil):
    document = written(FAULTY)
    spoil(document)
    assert not validator.is_valid(document)


def test_items_have_exactly_the_keys_of_the_contract():
    (document,) = written(FAULTY)["documents"]
    assert all(set(each) == ITEM_KEYS for each in document["items"])
    assert document["path"] == SOURCE.path
    assert document["verdict"] == "refuted"


def test_positions_count_from_one_at_the_right_side():
    _, _, refuted, _ = written(FAULTY)["documents"][0]["items"]
    line = SOURCE.text.splitlines()[refuted["line"] - 1]
    assert line[refuted["column"] - 1 : refuted["end_column"] - 1] == SECOND.latex
    assert refuted["end_line"] == refuted["line"]


def test_counterexample_keeps_exact_values():
    point = written(FAULTY)["documents"][0]["items"][2]["counterexample"]
    assert point["extents"] == {"S": 1, "M": 2}
    assert point["values"] == {r"\bar{Y}": [["1", "0"]]}
    assert (point["left"], point["right"]) == ("0.5", "1")


def test_evidence_keeps_all_digits():
    (document,) = written(SOUND)["documents"]
    assert document["evidence"][2]["bound"] == 5.8123e-10


@pytest.mark.parametrize("value", [math.inf, math.nan, -math.inf])
def test_what_json_does_not_know_becomes_null(validator, value):
    evidence = Evidence("autodiff", Outcome.FAILED, value, 1e-12)
    document = written(replace(SOUND, evidence=(evidence,)))
    validator.validate(document)
    assert document["documents"][0]["evidence"][0]["error"] is None


def test_fault_of_a_definition_is_told(validator):
    fault = Diagnostic(Severity.ERROR, "unsupported", "not understood: \\oint", SECOND.span)
    document = written(replace(FAULTY, judged=(Judged(replace(SECOND, fault=fault), None),)))
    validator.validate(document)
    (told,) = document["documents"][0]["items"]
    assert (told["verdict"], told["code"]) == ("unsupported", "unsupported")
