"""The server under load, slow and hostile clients, kills and signals."""

import asyncio
import contextlib
import functools
import io
import json
import os
import re
import resource
import select
import signal
import socket
import sys
import threading
import time

import numpy as np
import psutil
import pytest
import requests
from loops import run_apart
from PIL import Image

from shuzi.errors import ShuziError
from shuzi.forms.fields import column_names
from shuzi.serve.app import create_app
from shuzi.serve.guard import DEADLINE
from shuzi.serve.pool import WorkerPool
from shuzi.serve.problems import Problem
from shuzi.serve.server import HEADERS_WITHIN, LARGEST_HEADERS
from shuzi.serve.settings import ServerSettings
from shuzi.serve.task import Task
from shuzi.serve.training import Trainer
from shuzi.synth.filled_forms import FORM

JSON = {"Content-Type": "application/json"}


@functools.cache
def noise(side: int) -> bytes:
    """A picture that is work for any reader."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)).save(file, "PNG")
    return file.getvalue()


def points(count: int) -> bytes:
    return b'{"width":1,"height":1,"strokes":[[' + b"[]," * (count - 1) + b"[]]]}"


def connect(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=60)


def children(server) -> list[psutil.Process]:
    return psutil.Process(server.process.pid).children(recursive=True)


# ---- load


@pytest.fixture(scope="module")
def attacked(shared_server, tmp_path_factory):
    """A server that no other tests ask: its processes hold what attacks leave in them."""
    return shared_server(tmp_path_factory.mktemp("attacked"))


@pytest.mark.parametrize("count", [800_000, 3_300_000])
def test_too_many_points_are_refused_at_little_cost(attacked, count):
    server = attacked
    process = psutil.Process(server.process.pid)
    before = process.cpu_times().user
    replies = [
        requests.post(server.url + path, data=points(count), headers=JSON, timeout=60)
        for path in ("/api/read", "/api/explain", "/api/corrections")
    ]
    assert [reply.status_code for reply in replies] == [422, 422, 413]
    assert "20,000 points" in replies[0].json()["detail"]
    # seconds of the processor: parsing them would take many, during which nobody else is answered
    assert process.cpu_times().user - before < 1
    assert all(each.memory_info().rss < 500e6 for each in [process, *children(server)])


@pytest.mark.slow
def test_slow_clients_keep_nobody_from_being_answered(attacked, drawing):
    """64 slow bodies, 200 slow headers and 1,500 idle connections, all at once."""
    server = attacked
    body = b"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nhalf"
    sent = [body] * 64 + [b"GET / HTTP/1.1\r\nHost: "] * 200 + [b""] * 1_500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4_096), hard))
    lines = []
    try:
        for each in sent:
            lines.append(connect(server))
            lines[-1].sendall(each)
        assert requests.get(server.url + "/api/health", timeout=HEADERS_WITHIN).ok
        reply = requests.post(server.url + "/api/read", json=drawing("4"), timeout=HEADERS_WITHIN)
        assert reply.json()["text"] == "4"
        said = [line.recv(1_000) for line in lines[::40]]
    finally:
        for line in lines:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert {each[:12] for each in said} == {b"HTTP/1.1 408", b""}  # b"": closed without a word


def test_endless_headers_are_ended(server):
    with connect(server) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(ConnectionError):  # closed while we talk, or right after
            for _ in range(100):
                line.sendall(b"X-Long: " + b"x" * (LARGEST_HEADERS // 8) + b"\r\n")
            with line.makefile("rb") as answer:
                assert answer.read().startswith(b"HTTP/1.1 400")  # read to the end: it is closed


def test_nonsense_after_an_answer_ends_the_connection_without_a_word(attacked):
    with connect(attacked) as line, line.makefile("rb") as answer:
        line.sendall(b"POST /api/read HTTP/1.1\r\nHost: evil\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert answer.readline().startswith(b"HTTP/1.1 421")
        line.sendall(b"nonsense\r\n")
        answer.read()  # to the end: it is closed
    assert requests.get(attacked.url + "/api/health", timeout=60).ok
    assert not select.select([attacked.process.stderr], [], [], 0)[0]


# ---- work that is given up


def test_work_past_its_deadline_is_ended_and_the_next_is_answered(drawing):
    async def run():
        pool = WorkerPool(1)
        await pool.use(None)
        (busy,) = pool._ready
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await pool.run(Task("read"), noise(3_000), long=True)
        await busy.wait()
        question = Task("read", json=True)
        answer = json.loads(await pool.run(question, json.dumps(drawing("7")).encode()))
        await pool.close()
        return answer["text"]

    assert run_apart(run()) == "7"


def test_a_reading_process_that_dies_costs_one_answer_at_most(attacked, drawing):
    server = attacked
    for child in children(server):
        child.kill()
    replies = [requests.post(server.url + "/api/read", json=drawing("5"), timeout=60) for _ in range(6)]
    assert [reply.status_code for reply in replies].count(500) <= 2  # one of each that was killed
    assert [reply.json()["text"] for reply in replies[-3:]] == ["5"] * 3


def test_pictures_leave_a_process_for_drawings(drawing):
    async def run():
        pool = WorkerPool(2)
        await pool.use(None)
        while pool.ready < 2:
            await asyncio.sleep(0)
        body = noise(3_000)
        hard = [asyncio.create_task(pool.run(Task("read"), body, long=True)) for _ in range(3)]
        while pool._idle.qsize() == 2:  # until one of them reads a picture
            await asyncio.sleep(0)
        await pool.run(Task("read", json=True), json.dumps(drawing("7")).encode())
        waited = sum(not each.done() for each in hard)
        for each in hard:
            each.cancel()
        await pool.close()
        return waited

    assert run_apart(run()) == 3


def test_a_fault_in_reading_is_a_problem_and_not_the_servers_end():
    async def run():
        pool = WorkerPool(1)
        await pool.use(None)
        with pytest.raises(Problem) as caught:
            await pool.run(Task("read"), b"no picture")
        await pool.close()
        return caught.value.status

    assert run_apart(run()) == 422


# ---- what the system refuses


@contextlib.contextmanager
def no_more_files():
    """This process can open no more files, which each process that it starts takes several of."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def get(pool: WorkerPool, path: str, query: str = "", **settings) -> tuple[int, bytes]:
    """The status and the body of an answer of the app with these workers."""
    settings, about, sent = ServerSettings(**settings), {"version": "1"}, []

    async def send(message):
        sent.append(message)

    async def receive():
        await asyncio.Event().wait()

    app = create_app(settings, pool, about, Trainer(settings, pool, about))
    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode()}
    await app(scope | {"headers": [(b"host", b"localhost")]}, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def health(pool: WorkerPool) -> int:
    return (await get(pool, "/api/health"))[0]


def test_what_is_computed_takes_the_time_of_the_reading_processes(scan, tmp_path):
    (tmp_path / "form.json").write_text(json.dumps(FORM | {"fields": FORM["fields"][:1]}))
    Image.fromarray(scan).save(tmp_path / "scan.png")
    name = FORM["fields"][0]["name"]
    row = "scan.png,form.json,1?,0.5,"
    (tmp_path / "out.csv").write_text(f"file,form,{','.join(column_names(name))}\n{row}\n")

    async def run():
        pool = WorkerPool(1)
        await pool.use(None)
        (process,) = pool._ready
        worked = psutil.Process(process.pid).cpu_times

        review = str(tmp_path / "out.csv")
        await get(pool, "/api/health", review=review)  # what is imported at first
        ours, theirs = time.process_time(), worked().user
        status, zone = await get(pool, "/api/review/zone", f"file=scan.png&field={name}", review=review)
        assert status == 200
        assert worked().user - theirs > time.process_time() - ours
        await pool.close()
        return zone

    assert run_apart(run()).startswith(b"\x89PNG")


def test_a_reading_process_comes_back_once_the_system_lets_it(drawing, capfd):
    async def run():
        pool = WorkerPool(1)
        await pool.use(None)
        assert await health(pool) == 200
        (process,) = pool._ready
        with no_more_files():
            process.kill()
            async with asyncio.timeout(60):
                while not (said := capfd.readouterr().err):
                    await asyncio.sleep(0)
        assert await health(pool) == 503
        answer = await pool.run(Task("read", json=True), json.dumps(drawing("7")).encode())
        assert await health(pool) == 200
        await pool.close()
        return said, json.loads(answer)["text"]

    said, text = run_apart(run())
    assert said == "shuzi: a process that reads can't be started (Too many open files); close other programs.\n"
    assert text == "7"


def test_weights_whose_process_dies_leave_the_reader_as_it_was(drawing, monkeypatch):
    async def run():
        pool = WorkerPool(1)
        await pool.use(None)
        with monkeypatch.context() as without_shuzi:
            without_shuzi.setattr(sys, "path", [])
            with pytest.raises(ShuziError, match="ended before it was ready"):
                await pool.use("other.onnx")
        with no_more_files(), pytest.raises(ShuziError, match="Too many open files"):
            await pool.use("other.onnx")
        (process,) = pool._ready
        process.kill()
        await process.wait()
        answer = await pool.run(Task("read", json=True), json.dumps(drawing("7")).encode())
        await pool.close()
        return json.loads(answer)["text"]

    assert run_apart(run()) == "7"


def test_a_training_that_the_system_refuses_has_failed(tmp_path, monkeypatch):
    (tmp_path / "corrections" / "4").mkdir(parents=True)
    (tmp_path / "corrections" / "4" / "x.png").touch()
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "reader.onnx").touch()

    async def run():
        settings = ServerSettings(corrections=str(tmp_path / "corrections"))
        trainer = Trainer(settings, WorkerPool(1), {})
        trainer.start()
        with no_more_files():
            await trainer._task
        yield trainer.progress
        trainer.progress.state, trainer._folder = "done", tmp_path / "made"
        monkeypatch.setattr(sys, "path", [])
        trainer.keep()
        await trainer._task
        yield trainer.progress

    async def all_of(run):
        return [(progress.state, progress.error) async for progress in run]

    first, second = run_apart(all_of(run()))
    assert first == ("failed", "the system refuses: Too many open files.")
    assert second[0] == "failed"
    assert "ended before it was ready" in second[1]


# ---- the end


def gone(processes: list[psutil.Process], within: float = 60) -> bool:
    return not psutil.wait_procs(processes, within)[1]


def asked(server, body: bytes, kind: str) -> io.BufferedReader:
    """A request that the server is answering: it asked for the body, and has it. Gives the stream of its answer."""
    line = connect(server)
    head = f"POST /api/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    line.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
    answer = line.makefile("rb")
    assert answer.readline().startswith(b"HTTP/1.1 100")
    assert answer.readline() == b"\r\n"
    line.sendall(body)
    line.close()  # with the answer
    return answer


@pytest.mark.parametrize("busy", [False, True])
def test_reading_processes_end_with_a_killed_server(start_server, tmp_path, busy):
    def worked() -> float:
        return sum(process.cpu_times().user for process in children(server))

    server = start_server(tmp_path, workers=1)
    before = worked()
    with asked(server, noise(3_000), "image/png") if busy else contextlib.nullcontext():
        while busy and worked() < before + 0.1:  # seconds: reading it takes more
            threading.Event().wait(0.01)
        readers = children(server)
        assert readers
        os.kill(server.process.pid, signal.SIGKILL)
        assert gone(readers)


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_under_work_it_ends_soon_and_each_request_is_answered(start_server, tmp_path, sign, drawing):
    server = start_server(tmp_path, workers=1)
    picture, strokes = noise(3_000), json.dumps(drawing("7")).encode()
    bodies = [(picture, "image/png"), (picture, "image/png"), (strokes, "application/json")]
    with contextlib.ExitStack() as lines:
        answers = [lines.enter_context(asked(server, *each)) for each in bodies]
        started = time.monotonic()
        server.process.send_signal(sign)
        statuses = [answer.readline()[9:12] for answer in answers]
    server.process.wait(60)
    assert time.monotonic() - started < DEADLINE
    assert set(statuses) <= {b"200", b"503"}
    assert not re.search("Traceback|ERROR", server.process.stderr.read())
