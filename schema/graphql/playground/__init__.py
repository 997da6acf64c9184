"""The playground: GraphiQL on `GET /graphql`, served without any other host.

`make install` has npm install GraphiQL and React beside this file, in the versions that package.json pins. The page
requests nothing of another host, and its Content-Security-Policy forbids it; without those files it shows what is
missing. The key comes in the address's fragment, which no browser sends: the server receives it in the Authorization
header only.
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
CACHE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable"}


@cache
def page(with_slash: bool = False) -> str:
    """The page, the same for everybody: it holds no key and nothing of an organization. `/graphql/` has a slash."""
    template = (HERE / "playground.html").read_text(encoding="utf-8")
    if with_slash:
        template = template.replace('="graphql/assets/', '="../graphql/assets/')
    return template.replace("{{ version }}", version()).replace("{{ tabs }}", tabs())


def version() -> str:
    """A hash of what the assets are made from: a browser may cache them for good under it."""
    sources = (HERE / "package.json", HERE / "playground.js")
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]


def tabs() -> str:
    """The example tabs as JSON that no text in it can break out of its script element."""
    examples = [
        {"name": example.name, "query": example.query, "variables": json.dumps(example.variables, indent=2)}
        for example in EXAMPLES
    ]
    return json.dumps(examples).replace("<", "\\u003c")


def asset(request: Request) -> Response:
    """The response to a request for one of ASSETS, looked up each time: a late `make install` needs no restart."""
    path = ASSETS.get(request.path_params["name"])
    if path is None or not path.is_file():
        return PlainTextResponse("The playground has no such file.\n", status_code=404)
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=CACHE_HEADERS)


routes: list[BaseRoute] = [Route("/graphql/assets/{name}", asset)]
