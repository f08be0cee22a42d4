"""Whatever the OpenAPI document allows or forbids is answered as the document says."""

import inspect
import json
import re

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS

from shuzi.serve.routes import about, corrections, read, review, training

RIGHT, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
TAKING = [
    ("/api/read", "POST"),
    ("/api/explain", "POST"),
    ("/api/corrections", "POST"),
    ("/api/corrections/{id}", "DELETE"),
    ("/api/samples", "GET"),
]
BARE = [  # nothing asked of them can be wrong
    ("/api/health", "GET"),
    ("/api/model", "GET"),
    ("/api/training", "GET"),
]
ELSEWHERE = [  # tried in test_learn: megabytes, and trainings that would begin
    ("/api/learn/set", "GET"),
    ("/api/training", "POST"),
    ("/api/training", "DELETE"),
    ("/api/training/keep", "POST"),
]
BOUNDED = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="session")
def api(server):
    return schemathesis.openapi.from_url(server.url + "/openapi.json")


def test_the_document_has_these_operations_and_no_other(api):
    found = {(each.ok().path, each.ok().method.upper()) for each in api.get_all_operations()}
    assert found == {*TAKING, *BARE, *ELSEWHERE}


def test_no_request_waits_for_a_thread():
    called = [
        each.call
        for routes in (about, corrections, read, review, training)
        for route in routes.router.routes
        for each in (route.dependant, *route.dependant.dependencies)
    ]
    assert len(called) > len(TAKING + BARE + ELSEWHERE)
    assert all(map(inspect.iscoroutinefunction, called))


def test_the_document_has_the_fields_of_every_body_and_answer(server):
    document = requests.get(server.url + "/openapi.json", timeout=60).json()
    named = set(re.findall('"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert {"Drawing", "Correction", "PageAnswer", "ProblemDocument"} <= named
    assert named == set(document["components"]["schemas"])
    assert all(document["components"]["schemas"][name]["properties"] for name in named)


@pytest.mark.parametrize("examples", [5, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("operation", "mode"),
    [(each, mode) for each in TAKING for mode in (RIGHT, WRONG)] + [(each, RIGHT) for each in BARE],
)
def test_the_api_keeps_to_its_document(api, operation, mode, examples):
    path, method = operation
    # No schema says which bytes are a picture, nor in which there is ink.
    acceptance = [CHECKS.get_one("positive_data_acceptance")]

    @given(case=api[path][method].as_strategy(generation_mode=mode))
    @settings(BOUNDED, max_examples=examples)
    def run(case):
        told = case.media_type in (None, "application/json") and path != "/api/corrections"
        case.call_and_validate(timeout=60, excluded_checks=None if told else acceptance)

    run()
