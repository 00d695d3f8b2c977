"""The one place of errors: whatever goes wrong becomes a status, a code and a plain sentence."""

import logging
import math
from http import HTTPStatus

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from dunebugger_updater.api.bodies import ErrorView, ErrorWords
from dunebugger_updater.api.doors import ErrorPage, Problem
from dunebugger_updater.model.codec import to_json
from dunebugger_updater.ports import EffectError

_log = logging.getLogger(__name__)

_SENTENCES = {
    HTTPStatus.NOT_FOUND: "there is nothing at this address",
    HTTPStatus.METHOD_NOT_ALLOWED: "this address does not take that method",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "the request is too large: at most 64 KiB are read",
}
NOT_OURS = ("/api/", "/ws", "/metrics", "/healthz")
"""Where programs ask: they get JSON, never a page."""


class Refused(Exception):  # noqa: N818  (it is a refusal, raised only where aiohttp leaves no other way out: in middlewares)
    """Ends a request with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def problem_of(error: Exception, where: str) -> Problem:
    """Say what an exception means for who asked.  A bug is logged with its traceback, and told without."""
    match error:
        case Refused():
            return error.problem
        case web.HTTPException():
            status = HTTPStatus(error.status)
            sentence = _SENTENCES.get(status, f"cannot serve this: {status.phrase.lower()}")
            return Problem(error.status, status.name.lower(), sentence)
        case EffectError():
            return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", str(error))
        case _:
            _log.error("cannot serve %s", where, exc_info=error)
            return Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "internal_error",
                "something went wrong inside the updater; its log says what",
            )


def as_json(problem: Problem) -> web.Response:
    """Tell a program."""
    content = to_json(ErrorView(ErrorWords(problem.code, problem.message)))
    response = web.Response(status=problem.status, body=content, content_type="application/json")
    if problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if problem.retry_after > 0:
        response.headers["Retry-After"] = str(math.ceil(problem.retry_after))
    return response


def catching(page: ErrorPage | None) -> Middleware:
    """Turn everything that is raised further in into an answer."""

    @web.middleware
    async def catch(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPRedirection:
            raise
        except Exception as error:  # noqa: BLE001  (the one place for requests)
            problem = problem_of(error, f"{request.method} {request.rel_url.path!a}")
            response = _told(request, problem, page)
            if isinstance(error, web.HTTPMethodNotAllowed):
                response.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
            return response

    return catch


def _told(request: web.Request, problem: Problem, page: ErrorPage | None) -> web.StreamResponse:
    wants_page = "text/html" in request.headers.get("Accept", "") and not request.path.startswith(NOT_OURS)
    return page(request, problem) if page is not None and wants_page else as_json(problem)
