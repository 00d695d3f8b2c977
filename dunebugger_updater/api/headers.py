"""What every answer tells a browser: run nothing that is not ours, show us in no frame, keep nothing."""

from aiohttp import web

POLICY = "; ".join(  # noqa: FLY002  (one rule a line)
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy: no inline script, no inline style, nothing from elsewhere."""

_ALWAYS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not "no-referrer": with it a browser sends "Origin: null" with our own forms, and we would refuse them.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Server": "dunebugger-updater",
}


def add_headers(app: web.Application, *, secure: bool) -> None:
    """Put them on whatever is sent, streams and errors too."""

    async def on_prepare(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in _ALWAYS.items():
            response.headers[name] = value
        # What a page shows is for who is signed in; files of the panel say for themselves how long they keep.
        response.headers.setdefault("Cache-Control", "no-store")
        if secure:
            response.headers["Strict-Transport-Security"] = "max-age=31536000"

    app.on_response_prepare.append(on_prepare)
