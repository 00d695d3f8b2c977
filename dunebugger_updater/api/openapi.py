"""The OpenAPI document, made from the table of routes and their types: it says nothing else than the code does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from dunebugger_updater.api.bodies import ErrorView
from dunebugger_updater.api.doors import OPEN, Nothing, Route
from dunebugger_updater.model.codec import to_json

_REFS = "#/components/schemas/{name}"
Document = dict[str, Any]
Schemas = dict[Any, Document]
"""By the type that each describes."""


def serving(routes: Sequence[Route[Any]], version: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Answer a handler that serves the document, made when somebody asks: few do, and a start does not wait."""
    made: list[bytes] = []

    async def serve(_: web.Request) -> web.StreamResponse:
        if not made:
            made.append(to_json(await asyncio.to_thread(document, routes, version)))
        return web.Response(body=made[0], content_type="application/json")

    return serve


def document(routes: Sequence[Route[Any]], version: str) -> Document:
    """OpenAPI 3.1."""
    kinds = _kinds(routes)
    found, schemas = msgspec.json.schema_components(kinds, schema_hook=_schema, ref_template=_REFS)
    schema_of = dict(zip(kinds, found, strict=True))
    paths: Document = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DuneBugger Updater",
            "version": version,
            "description": "Looks for updates of a device's components, makes them, and takes them back.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _kinds(routes: Sequence[Route[Any]]) -> list[Any]:
    kinds = {ErrorView: None}
    for route in routes:
        kinds.update(dict.fromkeys([route.asks, *route.also.values()]))
        if route.answers is not None:
            kinds[route.answers] = None
    return list(kinds)


def _operation(route: Route[Any], schema_of: Schemas, schemas: Document) -> Document:
    words = [each.strip("{}") for each in route.path.split("/") if each not in {"", "api", "v1"}]
    told: Document = {
        "summary": (route.serve.__doc__ or "").split("\n")[0],
        "operationId": "_".join([route.method.lower(), *words]).replace(".", "_"),
        "parameters": _parameters(route, schemas),
        "responses": _responses(route, schema_of),
        "security": [] if route.needs == OPEN else [{"token": []}],
    }
    if route.needs != OPEN:
        told["description"] = f"Needs the role {route.needs.word}."
    if route.method != "GET" and route.asks is not Nothing:
        required = bool(schemas[route.asks.__name__].get("required"))
        told["requestBody"] = {"required": required, "content": {"application/json": {"schema": schema_of[route.asks]}}}
    return told


def _responses(route: Route[Any], schema_of: Schemas) -> Document:
    good = {route.status: route.answers, **route.also}
    told: Document = {}
    for status, kind in good.items():
        told[str(status)] = {"description": "Done." if kind is None else (kind.__doc__ or "").split("\n")[0]}
        if kind is not None:
            told[str(status)]["content"] = {"application/json": {"schema": schema_of[kind]}}
    told["default"] = {
        "description": "Why not.",
        "content": {"application/json": {"schema": schema_of[ErrorView]}},
    }
    return told


def _parameters(route: Route[Any], schemas: Document) -> list[Document]:
    found = [
        {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for part in route.path.split("/")
        if part.startswith("{")
    ]
    if route.method == "GET" and route.asks is not Nothing:
        fields = schemas[route.asks.__name__]["properties"]
        found += [{"name": name, "in": "query", "schema": _plain(schema)} for name, schema in fields.items()]
    return found


def _plain(schema: Document) -> Document:
    """A query has no ``null``: what may be left out is simply not there."""
    kinds = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else {name: value for name, value in schema.items() if name != "default"}


def _schema(kind: type) -> Document:
    if issubclass(kind, Path):
        return {"type": "string", "minLength": 1}
    raise NotImplementedError(f"no schema for {kind.__name__}")
