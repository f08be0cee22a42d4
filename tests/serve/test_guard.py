"""The guard's clock and its counter, before an app that never answers."""

import asyncio
import json

from loops import run_apart

from shuzi.serve.guard import Guard

SCOPE = {"type": "http", "method": "POST", "path": "/api/read", "headers": [(b"host", b"localhost")]}


async def answer(guard: Guard, receive, scope=SCOPE) -> tuple[int, dict[bytes, bytes], dict]:
    sent = []

    async def send(message):
        sent.append(message)

    await guard(dict(scope), receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), json.loads(sent[1]["body"])


async def whole():
    return {"type": "http.request", "body": b"{}", "more_body": False}


async def never(*_):
    await asyncio.Event().wait()


async def answers(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def body_of(size: int):
    async def receive():
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    return receive


def test_a_slow_upload_is_ended():
    guard = Guard(never, upload=0.05)
    status, _, problem = run_apart(answer(guard, never))
    assert status == 408
    assert "0.05 s" in problem["detail"]
    assert guard.in_flight == 0


def test_an_upload_that_trickles_is_ended():
    async def trickle():
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"0", "more_body": True}

    assert run_apart(answer(Guard(never, upload=0.05), trickle))[0] == 408


def test_a_slow_answer_is_ended():
    status, headers, _ = run_apart(answer(Guard(never, deadline=0.05), whole))
    assert status == 503
    assert headers[b"retry-after"] == b"1"


def test_more_than_the_most_at_once_are_asked_to_come_again():
    async def several():
        guard = Guard(never, deadline=0.2, most=3)
        waiting = [asyncio.create_task(answer(guard, whole)) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await answer(guard, whole)
        return refused, [await each for each in waiting], guard.in_flight

    (status, headers, _), waited, left = run_apart(several())
    assert status == 503
    assert headers[b"retry-after"] == b"1"
    assert [status for status, _, _ in waited] == [503] * 3
    assert left == 0


def test_what_is_computed_is_counted_and_health_is_always_answered():
    def asking(path):
        return {"type": "http", "method": "GET", "path": path, "headers": [(b"host", b"localhost")]}

    async def several():
        guard = Guard(never, deadline=0.2, most=1)
        waiting = asyncio.create_task(answer(guard, never, asking("/api/learn/set")))
        await asyncio.sleep(0)
        statuses = [
            (await answer(guard, never, asking(path)))[2]["detail"]
            for path in ("/api/learn/set", "/api/review/zone", "/api/health")
        ]
        await waiting
        return statuses

    *refused, answered = run_apart(several())
    assert all(said.startswith("1 requests are being answered") for said in refused)
    assert answered.startswith("no answer within")  # by the app, which was asked


def test_slow_uploads_keep_nobody_from_being_answered():
    async def several():
        guard = Guard(answers, upload=0.2, most=1)
        waiting = [asyncio.create_task(answer(guard, never)) for _ in range(64)]
        await asyncio.sleep(0)
        answered = await answer(guard, whole)
        return answered[0], {(await each)[0] for each in waiting}

    assert run_apart(several()) == (200, {408})


def test_bodies_are_held_up_to_a_limit_and_let_go_again():
    async def several():
        guard = Guard(answers, held=100)
        statuses = [(await answer(guard, body_of(size)))[0] for size in (60, 101, 60)]
        return statuses, guard.room

    assert run_apart(several()) == ([200, 503, 200], 100)


def test_a_server_that_ends_lets_requests_finish_or_says_so():
    async def several():
        guard = Guard(never, upload=60, deadline=60)
        started = asyncio.create_task(answer(guard, whole))
        uploading = asyncio.create_task(answer(guard, never))
        await asyncio.sleep(0)
        guard.stop(0.05)
        late = await answer(guard, whole)
        return [(status, b"retry-after" in headers) for status, headers, _ in (late, await started, await uploading)]

    assert run_apart(several()) == [(503, True)] * 3


def test_a_client_that_goes_away_is_forgotten():
    async def gone():
        return {"type": "http.disconnect"}

    async def run():
        guard = Guard(never)
        await guard(dict(SCOPE), gone, never)
        return guard.in_flight

    assert run_apart(run()) == 0


def test_a_websocket_is_closed():
    sent = []

    async def send(message):
        sent.append(message["type"])

    run_apart(Guard(never)({"type": "websocket", "headers": []}, never, send))
    assert sent == ["websocket.close"]
