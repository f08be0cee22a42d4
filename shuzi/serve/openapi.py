"""The OpenAPI document: bodies that an endpoint parses itself, and errors as problem documents."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from shuzi.serve import schemas
from shuzi.serve.guard import LARGEST_BODY

PICTURE = {"schema": {"type": "string", "format": "binary", "description": "a picture of any type the reader takes"}}


# FastAPI finds the others itself
SCHEMAS = (schemas.Drawing, schemas.Image28, schemas.Correction, schemas.ProblemDocument)


def _reference(kind: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}


def request_body(*kinds: type[BaseModel], pictures: bool = True) -> dict[str, Any]:
    """The part of an operation that describes a body which the endpoint parses itself."""
    bodies = [_reference(kind) for kind in kinds]
    schema = bodies[0] if len(bodies) == 1 else {"anyOf": bodies}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if pictures:
        form = {"type": "object", "required": ["file"], "properties": {"file": PICTURE["schema"]}}
        content |= {"image/*": PICTURE, "application/octet-stream": PICTURE}
        content |= {"multipart/form-data": {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of these statuses, and of those that any operation may have: problem documents."""
    descriptions = {
        400: "The request can't be understood.",
        403: "From a foreign page, or the server is read-only.",
        404: "There is no such thing.",
        408: "The upload took too long.",
        409: "Not now: a training is under way, or none has ended.",
        413: f"More than {LARGEST_BODY:,} bytes.",
        415: "No such type of body.",
        421: "For a host that this server does not answer for.",
        422: "Not what was expected; the detail says what was found.",
        503: "Too much at once; Retry-After says when to try again.",
        507: "The correction can't be written.",
    }
    media = {"application/problem+json": {"schema": _reference(schemas.ProblemDocument)}}
    return {
        status: {"description": descriptions[status], "content": media} for status in (400, 403, 421, 503, *statuses)
    }


POSTED = problems(400, 408, 413, 415, 422)


class Documented(FastAPI):
    """A FastAPI app whose document has the bodies that endpoints parse, and no schemas of FastAPI's own errors."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document, made when first asked for."""
        document = super().openapi()
        components = document["components"]["schemas"]
        components |= {kind.__name__: kind.model_json_schema() for kind in SCHEMAS}
        for unused in ("HTTPValidationError", "ValidationError"):
            components.pop(unused, None)
        return document
