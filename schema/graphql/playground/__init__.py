"""The playground: GraphiQL on `GET /graphql`, every byte of it from this server.

`make install` has npm lay GraphiQL and React beside this file, in the versions that package.json pins. The
page asks no other host for anything, and its Content-Security-Policy would not let it; without those files it
says in plain words what is missing. The key comes in the address's fragment, which no browser sends: the
server meets it in the Authorization header only.
"""

import hashlib
import json
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from schema.graphql.playground.examples import EXAMPLES

HERE = Path(__file__).parent
INSTALLED = HERE / "node_modules"
ASSETS = {
    "graphiql.css": INSTALLED / "graphiql/dist/style.css",
    "graphiql.js": INSTALLED / "graphiql/dist/index.umd.js",
    "react.js": INSTALLED / "react/umd/react.production.min.js",
    "react-dom.js": INSTALLED / "react-dom/umd/react-dom.production.min.js",
    "playground.js": HERE / "playground.js",
}
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript"}
FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


@cache
def page(with_slash: bool = False) -> str:
    """The page, the same for everybody: it holds no key and nothing of an organization. `/graphql/` has a slash."""
    template = (HERE / "playground.html").read_text(encoding="utf-8")
    if with_slash:
        template = template.replace('="graphql/assets/', '="../graphql/assets/')
    return template.replace("{{ version }}", version()).replace("{{ tabs }}", tabs())


def version() -> str:
    """Changes with whatever the assets are made from, so that a browser may keep them for good."""
    sources = (HERE / "package.json", HERE / "playground.js")
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def tabs() -> str:
    """The example tabs as JSON that no text in it can break out of its script element."""
    shown = [
        {"name": example.name, "query": example.query, "variables": json.dumps(example.variables, indent=2)}
        for example in EXAMPLES
    ]
    return json.dumps(shown).replace("<", "\\u003c")


def asset(request: Request) -> Response:
    """One of ASSETS, looked for on each request, so that a late `make install` needs no restart."""
    path = ASSETS.get(request.path_params["name"])
    if path is None or not path.is_file():
        return PlainTextResponse("The playground has no such file.\n", status_code=404)
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=FOR_GOOD)


routes: list[BaseRoute] = [Route("/graphql/assets/{name}", asset)]
