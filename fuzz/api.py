"""The server of the drawing page: mutated drawings, pictures, corrections and requests, whole, cut off and slow.

Each is answered by something else than a fault, and the server is there afterwards.
"""

import atexit
import base64
import contextlib
import functools
import io
import json
import select
import socket
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
import requests
from _tests import tested
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "serve"))
from conftest import Server, start

STROKES = json.loads((Path(__file__).parents[1] / "tests" / "serve" / "strokes.json").read_text())
SLOWEST = 60.0  # seconds: the server's deadlines, and a loaded machine
MOST_MEMORY = 1.5e9  # bytes of one process
ANSWERS = {200, 201, 204, 400, 403, 404, 405, 408, 413, 415, 421, 422, 503, 507}
VALUES = [None, True, -1, 0, 1e5, 1e-5, 1e308, 10**30, "", "0", "\ud800", [], {}, [[]], [[[]]], [[[0, 0]] * 9]]
PATHS = ["/api/read", "/api/explain", "/api/corrections", "/api/samples", "/api/model", "/api/health", "/", "/docs"]
LINES = ["Host: evil.example", "Host: [::1]x", "Origin: null", "Origin: http://a\x80b", "Content-Length: -1"]
LINES += ["Content-Length: 9e9", "Transfer-Encoding: chunked", "Expect: 100-continue", "Upgrade: websocket"]
LINES += ["Connection: upgrade", "Content-Type: multipart/form-data; boundary=b"]
LINES += ["Content-Type: application/json", "Content-Type: text/\xff", "Connection: close", "X: " + "y" * 9_000]


@functools.cache
def server() -> Server:
    """One for all cases of this process."""
    folder = tempfile.TemporaryDirectory(prefix="shuzi-fuzz-")
    running = start(Path(folder.name) / "corrections")
    atexit.register(lambda: (running.process.kill(), running.process.wait(), folder.cleanup()))
    return running


def case(random, folder):
    kinds = [strokes, points, picture, form, correction, raw]
    kinds[random.integers(len(kinds))](server(), random)
    well()


def well() -> None:
    """The server answers, none of its processes has grown, and nothing is on its terminal."""
    assert requests.get(server().url + "/api/health", timeout=SLOWEST).ok
    terminal = server().process.stderr
    assert not select.select([terminal], [], [], 0)[0], terminal.readline()
    parent = psutil.Process(server().process.pid)
    for process in (parent, *parent.children()):
        with contextlib.suppress(psutil.NoSuchProcess):
            assert process.memory_info().rss < MOST_MEMORY


def post(server: Server, path: str, body: bytes, media: str) -> None:
    reply = requests.post(server.url + path, data=body, headers={"Content-Type": media}, timeout=SLOWEST)
    assert reply.status_code in ANSWERS, reply.text
    if reply.status_code >= 400:
        assert reply.json()["status"] == reply.status_code
        assert reply.json()["detail"].endswith(".")


def mutated(body: bytes, random) -> bytes:
    """Some bytes changed, taken out, doubled or cut off."""
    data = bytearray(body)
    for _ in range(random.integers(1, 9)):
        at, end = sorted(random.integers(0, len(data) + 1, 2))
        end = min(end, at + 64)
        way = random.integers(5)
        if way == 0:
            data[at:end] = random.bytes(end - at)
        elif way == 1:
            del data[at:end]
        elif way == 2:
            data[at:at] = data[at:end] * int(random.integers(1, 50))
        elif way == 3 and at:
            del data[at:]
        elif at < len(data):
            data[at] ^= 1 << int(random.integers(8))
        data = data or bytearray(b"0")
    return bytes(data)


def twisted(value: object, random, chance: float = 0.05) -> object:
    """JSON with some of its values others."""
    if random.random() < chance:
        return VALUES[random.integers(len(VALUES))]
    if isinstance(value, dict):
        return {key: twisted(each, random, chance) for key, each in value.items()}
    if isinstance(value, list):
        return [twisted(each, random, chance) for each in value]
    return value


def drawing(random) -> dict[str, object]:
    digits = [STROKES[str(k)] for k in random.integers(0, 10, random.integers(1, 6))]
    jitter = random.choice([0, 0.05, 1, 1e3])
    strokes = [
        [[float(v) for v in 300 * np.array(p) + (300 * at, 0) + jitter * random.normal(size=2)] for p in stroke]
        for at, digit in enumerate(digits)
        for stroke in digit
    ]
    return {"width": 2000, "height": 500, "strokes": strokes}


def strokes(server: Server, random) -> None:
    body = json.dumps(twisted(drawing(random), random, random.choice([0, 0.002, 0.05]))).encode()
    if random.random() < 0.5:
        body = mutated(body, random)
    query = f"?model={random.choice(['network', 'softmax', 'x'])}&single={random.choice(['true', 'false', '2'])}"
    post(server, str(random.choice(["/api/read", "/api/explain"])) + query, body, "application/json")


def points(server: Server, random) -> None:
    """Up to millions of points or strokes, empty or not, and JSON that is deep or long."""
    count = int(10 ** random.uniform(1, 6.3))
    one = str(random.choice(["[]", "[1,2]", "[1,2,0.5]", "[[1,2]]", "1", '"a"', "{}", "[" * 50 + "]" * 50]))
    inner = ",".join([one] * min(count, 9_000_000 // (len(one) + 1)))
    body = '{"width":9,"height":9,"strokes":' + str(random.choice(["[%s]", "[[%s]]", "[[[%s]]]"])) % inner + "}"
    post(server, str(random.choice(["/api/read", "/api/explain"])), body.encode(), "application/json")


def some_picture(random) -> bytes:
    """Noise, dots, lines or digits in some format, one page or several, whole or mutated."""
    height, width = (int(10 ** random.uniform(0, 2.8)) for _ in range(2))
    pixels = np.full((height, width), 255, np.uint8)
    way = random.integers(4)
    if way == 0:
        pixels = random.integers(0, 256, (height, width), np.uint8)
    elif way == 1:
        pixels[:: random.integers(2, 12), :: random.integers(2, 12)] = 0
    elif way == 2:
        pixels[:, :: random.integers(2, 12)] = 0
    picture = Image.fromarray(pixels).convert(str(random.choice(["L", "RGB", "RGBA", "P", "1"])))
    kind = str(random.choice(["PNG", "GIF", "TIFF", "WEBP", "BMP", "JPEG"]))
    file = io.BytesIO()
    pages = {"save_all": True, "append_images": [picture] * 2} if kind == "TIFF" else {}
    (picture.convert("RGB") if kind == "JPEG" else picture).save(file, kind, **pages)
    return mutated(file.getvalue(), random) if random.random() < 0.6 else file.getvalue()


def picture(server: Server, random) -> None:
    query = f"?single={random.choice(['true', 'false'])}&page={random.integers(0, 5)}"
    post(server, "/api/read" + query, some_picture(random), "application/octet-stream")


def form(server: Server, random) -> None:
    """Parts with a picture or without, whole or mutated."""
    heads = ['name="file"', 'name="x"; filename="a.png"', 'name="note"', "filename*=utf-8''%ff", "\xff" * 99]
    parts = [
        f"--b\r\nContent-Disposition: form-data; {random.choice(heads)}\r\n\r\n".encode("latin-1")
        + some_picture(random)
        for _ in range(int(random.choice([0, 1, 1, 1, 2, 200])))
    ]
    body = b"\r\n".join([*parts, b"--b--\r\n"])
    if random.random() < 0.5:
        body = mutated(body, random)
    post(server, "/api/read", body, str(random.choice(["multipart/form-data; boundary=b", "multipart/form-data"])))


def correction(server: Server, random) -> None:
    ink = random.integers(0, 256, 784, np.uint8) * (random.random(784) < random.random())
    given = {"image": base64.b64encode(ink.astype(np.uint8).tobytes()).decode(), "label": int(random.integers(10))}
    body = json.dumps(twisted(given, random)).encode()
    if random.random() < 0.3:
        body = mutated(body, random)
    post(server, "/api/corrections", body, "application/json")
    kept = list(server.corrections.glob("*/*.png"))
    assert len({file.name for file in kept}) == len(kept)


def raw(server: Server, random) -> None:
    """Bytes of requests as no client sends them."""
    body = json.dumps(drawing(random)).encode()
    port = int(server.url.rpartition(":")[2])
    lines = [f"Host: 127.0.0.1:{port}", f"Content-Length: {len(body)}"]
    lines += [str(each) for each in random.choice(LINES, random.integers(0, 4))]
    random.shuffle(lines)
    path = PATHS[random.integers(len(PATHS))]
    method = random.choice(["GET", "POST", "DELETE", "HEAD", "PUT", "OPTIONS"])
    sent = f"{method} {path} HTTP/1.1\r\n".encode() + "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
    if random.random() < 0.5:
        sent = mutated(sent, random)
    with socket.create_connection(("127.0.0.1", port), timeout=SLOWEST) as line:
        with contextlib.suppress(ConnectionError):  # the answer may come before the end
            line.sendall(sent)
        line.settimeout(0.05)
        with contextlib.suppress(TimeoutError, ConnectionError):  # it waits for the rest, which does not come
            head = line.recv(12)
            assert not head or int(head[9:12]) in ANSWERS | {100, 304, 307}, head


def millions_of_points(folder):
    for one, count in (("[]", 3_300_000), ("[1,2]", 800_000)):
        body = '{"width":1,"height":1,"strokes":[[' + ",".join([one] * count) + "]]}"
        for path in ("/api/read", "/api/explain", "/api/corrections"):
            post(server(), path, body.encode(), "application/json")
    well()


def small_and_costly(folder):
    """Dots every nine pixels, and blank paper a million pixels long."""
    dots = np.full((2_000, 2_000), 255, np.uint8)
    dots[::9, ::9] = 0
    for pixels in (dots, np.full((4, 1_000_000), 255, np.uint8)):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        post(server(), "/api/read", file.getvalue(), "image/png")
    well()


def foreign_hosts(folder):
    port = int(server().url.rpartition(":")[2])
    for lines, status in (
        ("Host: [::1]evil.com", b"421"),
        (f"Host: 127.0.0.1:{port}\r\nHost: evil.com", b"400"),
        (f"Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\nOrigin: http://evil.com", b"400"),
    ):
        with socket.create_connection(("127.0.0.1", port), timeout=SLOWEST) as line:
            line.sendall(f"GET /api/model HTTP/1.1\r\n{lines}\r\n\r\n".encode())
            assert line.recv(12)[9:] == status


KNOWN = {each.__name__: each for each in (millions_of_points, small_and_costly, foreign_hosts)} | {
    "slow clients": tested("serve/test_faults.py::test_slow_clients_keep_nobody_from_being_answered"),
    "no more files": tested("serve/test_faults.py::test_a_reading_process_comes_back_once_the_system_lets_it"),
    "a killed parent": tested("serve/test_faults.py::test_reading_processes_end_with_a_killed_server"),
    "SIGTERM under work": tested("serve/test_faults.py::test_under_work_it_ends_soon_and_each_request_is_answered"),
}
