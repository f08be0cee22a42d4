"""Parts read on the machines of a Ray cluster: Ray sends them out, and again where a process or a machine is lost."""

from __future__ import annotations

import logging
import socket
from collections.abc import Generator
from itertools import islice

from shuzi.batch.shards import Part, read_part_on
from shuzi.errors import ShuziError
from shuzi.read.reader import Reader

AHEAD = 2  # parts given out, for each core of the cluster
TRIES = 10  # of a part whose process or machine is lost; what kills each that reads it is found then
SECONDS = 5  # to answer


def join(address: str | None) -> None:
    """Become a part of the cluster at an address ("auto", HOST:PORT, ray://HOST:PORT); None begins one here.

    Raises:
        ShuziError: there is no Ray.
    """
    import ray

    if ray.is_initialized():
        return
    nobody = ShuziError(
        f"--address {address}: no Ray is there; start it with: ray start --head, or leave --address out"
    )
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host:
        try:
            socket.create_connection((host, int(port)), SECONDS).close()
        except (OSError, ValueError):
            raise nobody from None  # Ray would try for minutes
    try:
        ray.init(
            address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            include_dashboard=False,
        )
    except Exception as error:  # Ray raises many kinds, a plain Exception where its start takes too long
        if address is None:
            raise ShuziError(f"Ray can't be started here: {str(error).strip().splitlines()[0]}") from error
        raise nobody from error


def do(reader: Reader, parts: list[Part]) -> Generator[list[bool], None, None]:
    """Do parts on the cluster that this process has joined; give what `read_part` gives as each is done.

    Raises:
        ShuziError: as `read_part` does; or some parts were never done, which is told when all others are.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    task = ray.remote(max_retries=TRIES)(read_part_on)
    shared = ray.put(reader)
    left = iter(parts)
    lost: list[str] = []
    running: dict[ray.ObjectRef, Part] = {}
    try:
        while True:
            room = max(1, AHEAD * int(ray.cluster_resources().get("CPU", 1))) - len(running)
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
            f"{', '.join(lost)}: the process that read it was lost {TRIES + 1} times; all else is written, "
            "go on with --continue"
        )
