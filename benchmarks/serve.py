"""The drawing page's server: how soon it answers, how much it bears, what it holds. Loopback, this machine.

    python benchmarks/serve.py [--quick] [--workers N]

Digits are sent as the page sends them, as strokes; the server is another process, started as `shuzi serve` starts it.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import urllib.request
from importlib import metadata
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
STROKES = ROOT / "tests" / "serve" / "strokes.json"
SIDE = 1000


def drawings() -> list[bytes]:
    """The ten digits as requests' bodies."""
    digits = json.loads(STROKES.read_text())
    placed = {
        k: [[[200 + 600 * x, 150 + 700 * y, 0.5] for x, y in stroke] for stroke in digits[k]] for k in "0123456789"
    }
    return [json.dumps({"width": SIDE, "height": SIDE, "strokes": s}).encode() for s in placed.values()]


def request(port: int, body: bytes) -> bytes:
    head = f"POST /api/read HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Client:
    """One keep-alive connection that asks and waits, over and over."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, message: bytes) -> bytes:
        self.writer.write(message)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return await self.reader.readexactly(length)


async def connect(port: int) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port))


async def latency(port: int, count: int) -> tuple[float, float]:
    """p50 and p99 in ms of one digit after another."""
    client = await connect(port)
    messages = [request(port, body) for body in drawings()]
    right = 0
    times = []
    for i in range(count + 50):
        started = time.perf_counter()
        answer = await client.ask(messages[i % 10])
        if i >= 50:  # the first ones warm the server up
            times.append(time.perf_counter() - started)
            right += json.loads(answer)["text"] == str(i % 10)
    print(f"  read right: {right} of {count}")
    cuts = statistics.quantiles(times, n=100)
    return cuts[49] * 1e3, cuts[98] * 1e3


async def throughput(port: int, clients: int, seconds: float) -> float:
    """Answers a second with `clients` asking at once; any failure raises."""
    messages = [request(port, body) for body in drawings()]
    done = 0
    end = time.perf_counter() + seconds

    async def ask(at: int) -> None:
        nonlocal done
        client = await connect(port)
        while time.perf_counter() < end:
            await client.ask(messages[(done + at) % 10])
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(ask(i) for i in range(clients)))
    return done / (time.perf_counter() - started)


async def many(port: int, count: int, clients: int = 8) -> None:
    messages = [request(port, body) for body in drawings()]

    async def ask() -> None:
        client = await connect(port)
        for i in range(count // clients):
            await client.ask(messages[i % 10])

    await asyncio.gather(*(ask() for _ in range(clients)))


def start(port: int, workers: int, root: Path = ROOT) -> tuple[subprocess.Popen[bytes], float]:
    """A server of the shuzi in `root`, and the seconds from its start to its first answer of a digit."""
    started = time.perf_counter()
    command = ["serve", "--no-browser", "--read-only", "--port", str(port), "--workers", str(workers)]
    server = subprocess.Popen([sys.executable, "-m", "shuzi", *command], cwd=root, stderr=subprocess.DEVNULL)
    body = drawings()[7]
    ask = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/read", data=body, headers={"Content-Type": "application/json"}
    )
    while True:
        try:
            with urllib.request.urlopen(ask, timeout=10) as answer:
                assert json.load(answer)["text"] == "7"
                return server, time.perf_counter() - started
        except OSError:
            if server.poll() is not None or time.perf_counter() - started > 120:
                server.kill()
                raise
            time.sleep(0.005)


def memory(server: subprocess.Popen[bytes]) -> float:
    """MB held by the server and its workers."""
    process = psutil.Process(server.pid)
    return sum(p.memory_info().rss for p in [process, *process.children(recursive=True)]) / 1e6


def on_screen(port: int, count: int) -> float:
    """p95 in ms from a pointer's move to the frame that shows its answer, in Chromium."""
    from playwright.sync_api import sync_playwright

    watch = """() => {
        window.times = [];
        let moved = 0;
        document.getElementById("canvas").addEventListener("pointermove", () => (moved ||= performance.now()), true);
        new MutationObserver(() => requestAnimationFrame(() => {
            if (moved) times.push(performance.now() - moved);
            moved = 0;
        })).observe(document.documentElement, { attributeFilter: ["data-answered"] });
    }"""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("html[data-ready]")
        page.evaluate(watch)
        box = page.locator("#canvas").bounding_box()
        strokes = json.loads(STROKES.read_text())
        while len(page.evaluate("times")) < count:
            for digit in "0123456789":
                for stroke in strokes[digit]:
                    points = [
                        (box["x"] + box["width"] * (0.3 + 0.4 * x), box["y"] + box["height"] * y) for x, y in stroke
                    ]
                    page.mouse.move(*points[0])
                    page.mouse.down()
                    for point in points[1:]:
                        page.mouse.move(*point)
                    page.mouse.up()
                page.keyboard.press("c")
        times = page.evaluate("times")
        browser.close()
    return statistics.quantiles(times, n=20)[18]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the requests")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--port", type=int, default=8377)
    options = parser.parse_args()
    share = 0.1 if options.quick else 1.0
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("fastapi", "uvicorn", "onnxruntime", "numpy"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}")

    starts = []
    for _ in range(3):
        server, seconds = start(options.port, options.workers)
        starts.append(seconds)
        server.terminate()
        server.wait()
    print(f"start to first answer: {statistics.median(starts):.2f} s (median of 3)")

    server, _ = start(options.port, options.workers)
    try:
        p50, p99 = asyncio.run(latency(options.port, int(5000 * share)))
        print(f"one drawn digit: p50 {p50:.2f} ms, p99 {p99:.2f} ms")
        rate = asyncio.run(throughput(options.port, 16, 10 * share + 1))
        print(f"16 clients: {rate:,.0f} answers a second, none failed")
        asyncio.run(many(options.port, int(2000 * share)))
        before = memory(server)
        asyncio.run(many(options.port, int(20_000 * share)))
        after = memory(server)
        print(f"memory: {before:.1f} MB, after {int(20_000 * share):,} more requests {after:.1f} MB")
        print(f"stroke to answer on screen, Chromium: p95 {on_screen(options.port, int(1000 * share)):.1f} ms")
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
