"""The file in a form (multipart/form-data, RFC 7578), as `curl -F file=@x.png` posts it.

Runs in the reading process, on a body that is in memory and no larger than the guard allows. Starlette's form() would
parse it in the server's own process and write large parts to the disk.
"""

from email.message import Message
from email.parser import BytesHeaderParser

from shuzi.serve.problems import Problem

MOST_PARTS = 100
LONGEST_HEAD = 10_000  # bytes of a part's headers


def boundary_of(content_type: str) -> str | None:
    """What separates the parts of a form, of its Content-Type; None of any other type, "" where it is missing."""
    header = Message()
    header["Content-Type"] = content_type
    return str(header.get_boundary("")) if header.get_content_type() == "multipart/form-data" else None


def file_of(body: bytes, boundary: str) -> bytes:
    """The content of the one file in a form. Raises Problem 422 where there is none, or more, or the form is damaged.

    A file is a part with a file name, or one that is called "file".
    """
    if not boundary:
        raise Problem(422, "the form's Content-Type has no boundary.")
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    parts = (b"\r\n" + body).split(delimiter, MOST_PARTS + 1)[1:]
    if not parts or not parts[-1].startswith(b"--"):
        raise Problem(422, f"the form has no end, or more than {MOST_PARTS} parts.")
    files = [content for part in parts[:-1] if (content := _file(part)) is not None]
    if len(files) != 1:
        raise Problem(422, f"the form has {len(files)} files; expected one, as in curl -F file=@x.png.")
    return files[0]


def _file(part: bytes) -> bytes | None:
    """A part's content, if it is a file."""
    end = part.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if end < 0:
        raise Problem(422, f"a part of the form has no headers, or more than {LONGEST_HEAD:,} bytes of them.")
    head = BytesHeaderParser().parsebytes(part[:end].lstrip())
    named = head.get_param("name", None, "content-disposition") == "file"
    return part[end + 4 :] if named or head.get_filename() is not None else None
