"""Reading on a Ray cluster of two nodes: nodes go and processes are killed, and every row is there once."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import shuzi
from shuzi.batch import shards

pytestmark = [pytest.mark.scale, pytest.mark.timeout(1800), pytest.mark.filterwarnings("default")]

COUNT, FEW = int(os.environ.get("SHUZI_PICTURES", "2000")), 400
BROKEN = 7, 333
LITTLE = 80_000_000  # bytes of each node's store, the least that Ray takes; a part's rows are never in it
AT_REST = {"num_cpus": 1, "object_store_memory": LITTLE, "include_dashboard": False}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, mnist):
    """2,000 small pictures of one digit each, two of them broken."""
    root = tmp_path_factory.mktemp("pictures")
    for index, image in enumerate(mnist[1].images[:COUNT]):
        cv2.imwrite(str(root / f"{index:05}.png"), 255 - np.pad(image, 6))
    for index in BROKEN:
        (root / f"{index:05}.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def few(pictures, tmp_path_factory):
    """The first 400 of them."""
    root = tmp_path_factory.mktemp("few")
    for path in sorted(pictures.iterdir())[:FEW]:
        (root / path.name).hardlink_to(path)
    return root


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


def table(out) -> pa.Table:
    return ds.dataset(str(out)).to_table()


@pytest.fixture(scope="module")
def local(reader, pictures, tmp_path_factory):
    out = tmp_path_factory.mktemp("local") / "out"
    _, results = shards.read_folder(reader, str(pictures), str(out))
    assert list(results).count(False) == 2
    return table(out)


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # as where shuzi is installed
    config = {"worker_niceness": 0}  # by default they yield to all other work
    cluster = Cluster(initialize_head=True, head_node_args=AT_REST | {"_system_config": config})
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def readers() -> list[psutil.Process]:
    """The processes in which Ray reads a part just now."""
    found = psutil.process_iter(["cmdline"])
    return [each for each in found if "ray::read_part" in " ".join(each.info["cmdline"] or ())]


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere.invalid:6379", "nonsense", "auto"])
def test_an_address_where_no_ray_is_is_one_sentence(pictures, tmp_path, address):
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    order = [sys.executable, "-m", "shuzi", "read", pictures, "--engine", "ray", "--address", address, "--out", "out"]
    environment |= {"RAY_TMPDIR": str(tmp_path), "TMPDIR": str(tmp_path)}  # where no cluster left its address
    ended = subprocess.run(list(map(str, order)), cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert f"--address {address}: no Ray answers there" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_a_node_removed_and_a_process_killed_cost_no_row(cluster, reader, pictures, local, tmp_path):
    from shuzi.batch import cluster as machines

    second = cluster.add_node(num_cpus=1, object_store_memory=LITTLE)
    cluster.wait_for_nodes()
    out = tmp_path / "out"
    machines.connect(cluster.address)
    count, results = shards.read_folder(reader, str(pictures), str(out), machines.read_parts)
    assert count == COUNT
    good = []
    for result in results:
        good.append(result)
        if len(good) == 200:
            while not (reading := readers()):
                pass
            reading[0].send_signal(signal.SIGKILL)
        if len(good) == 800:
            cluster.remove_node(second)
    assert good.count(False) == 2
    assert len(good) == COUNT
    rows = table(out)
    assert len(set(rows["file"].to_pylist())) == rows.num_rows == COUNT
    assert rows.equals(local)


def test_a_command_that_is_killed_goes_on(cluster, few, local, command, tmp_path):
    out = tmp_path / "out"
    order = "read", few, "--engine", "ray", "--address", cluster.address, "--out", out
    with command.start(*order) as process:
        while process.poll() is None and len(list(out.glob("*.parquet"))) < 3:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        process.send_signal(signal.SIGKILL)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert 3 <= len(kept) < FEW / shards.MIN_PICTURES
    errors = ds.dataset([*map(str, kept)]).to_table()["error"]
    left = len(BROKEN) - len(errors.drop_null())
    with command.start(*order, "--continue") as process:
        told, said = process.communicate()
    assert process.returncode == (1 if left else 0), said
    assert f"{FEW - len(errors) - left:,} files read" in told
    assert f"{left} failed: see the column error" in told or not left
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert table(out).equals(local.slice(0, FEW))


def test_ray_data_takes_the_reader_as_it_is(cluster, pictures, local):
    import ray

    ray.init(cluster.address, ignore_reinit_error=True, log_to_driver=False)
    some = [str(pictures / f"{index:05}.png") for index in range(20)]
    half = {"num_cpus": 0.5}  # the machine that is left has one for those who load and for those who read
    of_bytes = ray.data.read_binary_files(some, include_paths=True, **half)
    read = of_bytes.map_batches(shuzi.Reader, batch_size=8, concurrency=1, **half).take_all()
    expected = {row["file"]: row for row in local.slice(0, 20).to_pylist()}
    assert len(read) == 20
    for row in read:
        one = expected[Path(row["path"]).name]
        assert (row["text"], row["digits"]) == (one["text"], one["digits"])
    del some[7]
    of_pixels = ray.data.read_images(some, include_paths=True, **half)
    read = of_pixels.map_batches(shuzi.Reader, batch_size=8, concurrency=1, **half).take_all()
    assert [row["text"] for row in sorted(read, key=lambda row: row["path"])] == [
        expected[Path(path).name]["text"] for path in some
    ]


def test_pandas_is_a_batch(reader, pictures, local):
    pandas = pytest.importorskip("pandas")
    paths = sorted(pictures.iterdir())[:8]
    frame = pandas.DataFrame({"path": [path.name for path in paths], "content": [path.read_bytes() for path in paths]})
    assert reader(frame).to_pandas()["text"].tolist() == local.slice(0, 8).to_pandas()["text"].tolist()
