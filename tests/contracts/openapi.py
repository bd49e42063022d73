"""The carrier's OpenAPI as a judge of exchanges: requests that are made, answers that are given.

    check_exchange("POST", url, {"from": ...}, 200, response.json())

It raises `ContractBroken` with everything that is wrong. The description is read from the folder
that BRIDGE_REFERENCE names (by default ../shared/reference beside the repository).
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from jsonschema import FormatChecker
from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = "urn:ringcentral"
ERROR = {"$ref": "#/components/schemas/ApiErrorResponseModel"}
METHODS = ("get", "post", "put", "patch", "delete")

# Where the description contradicts what RingCentral really answers; each with its reason.
NOT_REQUIRED = {
    # Only voicemails have it, yet the one-record answer demands it of all messages.
    "vmSideRecipients",
}
UNDESCRIBED_PARAMETERS = {
    # Real and documented in the guide; the description has no place for it on the media host.
    "access_token",
}

Json = dict[str, Any]


class ContractBroken(AssertionError):
    """An exchange that the carrier's description does not allow."""


def reference_folder() -> Path:
    """The folder of reference data; without it the test is skipped, in CI it fails."""
    named = os.environ.get("BRIDGE_REFERENCE")
    folder = Path(named) if named else REPOSITORY.parent / "shared" / "reference"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"the reference folder is missing: {folder}")
        pytest.skip(f"the reference folder is missing: {folder}")
    return folder


@dataclasses.dataclass(frozen=True)
class Operation:
    """One method of one path of the description."""

    template: str
    method: str
    spec: Json
    parameters: dict[tuple[str, str], Json]
    pattern: re.Pattern[str]


@dataclasses.dataclass(frozen=True)
class Description:
    """The parsed description with what is needed to judge by it."""

    document: Json
    operations: list[Operation]
    registry: Registry[Any]

    def resolve(self, node: Json) -> Json:
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            node = found
        return node

    def operation(self, method: str, path: str) -> Operation:
        for operation in self.operations:
            if operation.method == method.upper() and operation.pattern.fullmatch(path):
                return operation
        raise ContractBroken(f"the carrier has no {method.upper()} {path}")


@functools.cache
def description() -> Description:
    """The carrier's OpenAPI, read once."""
    text = (reference_folder() / "ringcentral" / "openapi.yml").read_text()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(text, Loader=loader)
    _relax(document)
    resource = Resource.from_contents(document, default_specification=DRAFT4)
    registry: Registry[Any] = Registry().with_resource(DOCUMENT, resource)
    unbound = Description(document, [], registry)
    operations = [
        operation
        for template, item in document["paths"].items()
        for operation in _operations(unbound, template, item)
    ]
    # Literal paths first, so that .../consents/search is not taken for .../{something}.
    operations.sort(key=lambda each: each.template.count("{"))
    return dataclasses.replace(unbound, operations=operations)


def _relax(node: Any) -> None:
    if isinstance(node, dict):
        if isinstance(node.get("required"), list):
            node["required"] = [name for name in node["required"] if name not in NOT_REQUIRED]
        # The directory's codes are described as the text of Java objects, which no answer has.
        if any(str(value).startswith("ErrorCode{") for value in node.get("enum", [])):
            del node["enum"]
        for value in node.values():
            _relax(value)
    elif isinstance(node, list):
        for value in node:
            _relax(value)


def _operations(described: Description, template: str, item: Json) -> Iterator[Operation]:
    escaped = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", escaped) + "/?")
    for method in METHODS:
        if method not in item:
            continue
        nodes = [*item.get("parameters", []), *item[method].get("parameters", [])]
        resolved = [described.resolve(node) for node in nodes]
        parameters = {(each["in"], each["name"]): each for each in resolved}
        yield Operation(template, method.upper(), item[method], parameters, pattern)


def check_exchange(
    method: str,
    url: str,
    request_body: Any,
    status: int,
    response_body: Any,
    *,
    request_type: str = "application/json",
    response_type: str = "application/json",
) -> None:
    """Hold one request and its answer against the description; raises ContractBroken.

    Bodies are parsed JSON (a form as a dict), None when there is none; of a multipart request its
    JSON part. A request that was refused (4xx) is not judged, its error shape is.
    """
    split = urlsplit(url)
    described = description()
    operation = described.operation(method, split.path)
    problems = list(_unknown_status(operation, status))
    if status < 400:
        problems += _query_problems(described, operation, split.query)
        problems += _request_problems(described, operation, request_body, request_type)
    problems += _response_problems(described, operation, status, response_body, response_type)
    if problems:
        listed = "\n  ".join(problems)
        raise ContractBroken(f"{method.upper()} {split.path} -> {status}:\n  {listed}")


def check_value(schema_name: str, value: Any) -> None:
    """Hold a value, an event for instance, against a named schema; raises ContractBroken."""
    schema = {"$ref": f"#/components/schemas/{schema_name}"}
    problems = list(_schema_problems(description(), schema_name, schema, value))
    if problems:
        raise ContractBroken("\n  ".join(problems))


def _unknown_status(operation: Operation, status: int) -> Iterator[str]:
    # The description leaves most errors out (401, 429 and nearly every 400): they are judged by
    # the shape all errors have. A success must be one it names; 206 is HTTP's own.
    if status < 400 and str(status) not in operation.spec["responses"] and status != 206:
        yield f"status {status} is not described"


def _query_problems(described: Description, operation: Operation, query: str) -> Iterator[str]:
    for name, value in parse_qsl(query, keep_blank_values=True):
        parameter = operation.parameters.get(("query", name))
        if parameter is None:
            if name not in UNDESCRIBED_PARAMETERS:
                yield f"query: {name} is not a parameter of this endpoint"
            continue
        schema = described.resolve(parameter["schema"])
        if "oneOf" in schema:
            continue
        item = described.resolve(schema["items"]) if schema.get("type") == "array" else schema
        yield from _schema_problems(described, f"query {name}", item, _as_type(value, item))


def _as_type(text: str, schema: Json) -> Any:
    if schema.get("type") == "integer":
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return text


def _request_problems(
    described: Description, operation: Operation, body: Any, content_type: str
) -> Iterator[str]:
    wanted = operation.spec.get("requestBody")
    if wanted is None or body is None:
        if wanted is not None and wanted.get("required"):
            yield "request: a body is required"
        return
    content = described.resolve(wanted)["content"]
    if content_type not in content:
        yield f"request: {content_type} is not accepted"
        return
    schema = content[content_type]["schema"]
    members = described.resolve(schema).get("properties", {})
    if content_type.startswith("multipart/") and "attachments" in members:
        # The files are parts of their own, beside the JSON that is judged.
        body = body | {"attachments": ["(bytes)"]}
    if content_type == "application/x-www-form-urlencoded":
        body = {name: int(text) if text.isdecimal() else text for name, text in body.items()}
    yield from _schema_problems(described, "request", schema, body, writing=True)
    yield from _unknown_members(described, "request", [schema], body)


def _response_problems(
    described: Description, operation: Operation, status: int, body: Any, content_type: str
) -> Iterator[str]:
    if status >= 400:
        yield from _error_problems(described, operation, status, body)
        return
    if status == 206:
        return
    response = described.resolve(operation.spec["responses"].get(str(status), {}))
    content = response.get("content", {})
    if not content:
        if body not in (None, b"", ""):
            yield "response: a body where none is described"
        return
    if content_type not in content:
        # The description lists only some of the media types that attachments have.
        if "/content/" not in operation.template:
            yield f"response: {content_type} is not described"
        return
    if "json" in content_type:
        schema = content[content_type]["schema"]
        if status == 207:
            # A refused entry has an error for a body, which the description forgets.
            refused = [entry["body"] for entry in body if entry["status"] >= 400]
            body = [entry for entry in body if entry["status"] < 400]
            for entry in refused:
                yield from _schema_problems(described, "entry", ERROR, entry)
        yield from _schema_problems(described, "response", schema, body)
        yield from _unknown_members(described, "response", [schema], body)


def _error_problems(
    described: Description, operation: Operation, status: int, body: Any
) -> Iterator[str]:
    if status == 415 and body is None:
        return
    response = described.resolve(operation.spec["responses"].get(str(status), {}))
    schemas = [ERROR]
    if "application/json" in response.get("content", {}):
        schemas = [response["content"]["application/json"]["schema"]]
    for schema in schemas:
        yield from _schema_problems(described, "error", schema, body)


def _schema_problems(
    described: Description, where: str, schema: Json, value: Any, *, writing: bool = False
) -> Iterator[str]:
    validator_class = OAS30WriteValidator if writing else OAS30ReadValidator
    checker: FormatChecker = oas30_format_checker
    validator = validator_class(
        _absolute(schema), registry=described.registry, format_checker=checker
    )
    for error in validator.iter_errors(value):
        place = ".".join(str(step) for step in error.absolute_path)
        yield f"{where} {place}: {error.message[:300]}"


def _absolute(node: Any) -> Any:
    """The schema with references that name the document they point into."""
    if isinstance(node, dict):
        return {
            key: f"{DOCUMENT}{value}"
            if key == "$ref" and value.startswith("#")
            else _absolute(value)
            for key, value in node.items()
        }
    return [_absolute(value) for value in node] if isinstance(node, list) else node


def _unknown_members(
    described: Description, where: str, schemas: list[Json], value: Any
) -> Iterator[str]:
    """Members that no alternative of the schema knows: a slip of the pen, or an invention."""
    flat = list(_alternatives(described, schemas))
    if isinstance(value, list):
        items = [schema["items"] for schema in flat if "items" in schema]
        for index, each in enumerate(value):
            yield from _unknown_members(described, f"{where}[{index}]", items, each)
    if not isinstance(value, dict):
        return
    known: dict[str, list[Json]] = {}
    for schema in flat:
        for name, member in schema.get("properties", {}).items():
            known.setdefault(name, []).append(member)
        if "discriminator" in schema:
            known.setdefault(schema["discriminator"]["propertyName"], [])
    if not known or any(schema.get("additionalProperties") for schema in flat):
        return
    for name, member in value.items():
        if name not in known:
            yield f"{where}: {name} is not described"
        else:
            yield from _unknown_members(described, f"{where}.{name}", known[name], member)


def _alternatives(described: Description, schemas: list[Json]) -> Iterator[Json]:
    for schema in schemas:
        resolved = described.resolve(schema)
        yield resolved
        for combiner in ("allOf", "anyOf", "oneOf"):
            yield from _alternatives(described, resolved.get(combiner, []))
