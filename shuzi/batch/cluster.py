"""Read parts on a Ray cluster. If a process or a machine is lost, Ray sends its parts out again."""

import logging
import socket
from collections.abc import Generator
from itertools import islice

from shuzi.batch.shards import Part, read_part_on
from shuzi.errors import ShuziError
from shuzi.read.reader import Reader

PARTS_PER_CORE = 2  # of the cluster, submitted at a time
MAX_RETRIES = 10  # of a part whose process or machine is lost; then the part itself is to blame
CONNECT_SECONDS = 5


def connect(address: str | None) -> None:
    """Connect to the cluster at an address ("auto", HOST:PORT, ray://HOST:PORT); None starts one here.

    Raises:
        ShuziError: no Ray answers there.
    """
    import ray

    if ray.is_initialized():
        return
    no_ray = ShuziError(
        f"--address {address}: no Ray answers there. Start it with: ray start --head, or omit --address."
    )
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host:
        try:
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()
        except (OSError, ValueError):
            raise no_ray from None  # Ray itself would try for minutes
    try:
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False, include_dashboard=False)
    except Exception as error:  # Ray raises many kinds, a plain Exception where its start takes too long
        if address is None:
            raise ShuziError(f"Ray can't be started here ({str(error).strip().splitlines()[0]}).") from error
        raise no_ray from error


def read_parts(reader: Reader, parts: list[Part]) -> Generator[list[bool], None, None]:
    """Read parts on the cluster that this process is connected to; see `shards.ReadParts`.

    Raises:
        ShuziError: as `read_part` does; or, after all others are finished, because some parts could not be read.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    task = ray.remote(max_retries=MAX_RETRIES)(read_part_on)
    shared = ray.put(reader)
    left = iter(parts)
    lost: list[str] = []
    running: dict[ray.ObjectRef, Part] = {}
    try:
        while True:
            room = max(1, PARTS_PER_CORE * int(ray.cluster_resources().get("CPU", 1))) - len(running)
            running.update({task.remote(1, shared, part): part for part in islice(left, max(0, room))})
            if not running:
                break
            (first,), _ = ray.wait(list(running))
            part = running.pop(first)
            try:
                yield ray.get(first)
            except RayTaskError as error:
                raise error.cause if isinstance(error.cause, ShuziError) else error from None
            except RayError:
                lost.append(part.name)
    finally:
        for each in running:
            ray.cancel(each, force=True)
    if lost:
        raise ShuziError(
            f"{', '.join(lost)}: the process that read it was lost {MAX_RETRIES + 1} times. "
            "All other parts are written; resume with --continue."
        )
