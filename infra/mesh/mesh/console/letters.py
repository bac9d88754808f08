"""Dead letters, as the page lists them and has them sent again."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mesh.console.playground import Errands
from mesh.errors import MeshError

_PLACE = re.compile(r"\d+:\d+", re.ASCII)


class Letters:
    """The dead-letter topic of the mesh that runs."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands

    @property
    def routes(self) -> list[Route]:
        """What an application is to serve."""
        return [
            Route("/api/letters", self._list),
            Route("/api/letters/replay", self._replay, methods=["POST"]),
        ]

    async def _list(self, _: Request) -> JSONResponse:
        try:
            return JSONResponse({"letters": await self._errands.run("letters")})
        except MeshError as error:
            return JSONResponse({"message": str(error)}, 503)

    async def _replay(self, request: Request) -> JSONResponse:
        """Replay those at `places`, or all that were not with `{"all": true}`."""
        try:
            asked = chosen(await request.json())
        except ValueError:
            wanted = 'Say which: {"places": ["0:17"]}, or {"all": true}.'
            return JSONResponse({"message": wanted}, 400)
        try:
            return JSONResponse({"replayed": await self._errands.run("replay", places=asked)})
        except MeshError as error:
            return JSONResponse({"message": str(error)}, 503)


def chosen(body: Any) -> list[str] | None:
    """Return the places that a body names, None for all; ValueError if it is no choice."""
    match body:
        case {"all": True, **rest} if not rest:
            return None
        case {"places": [_, *_] as places, **rest} if not rest:
            if all(isinstance(place, str) and _PLACE.fullmatch(place) for place in places):
                return list(places)
    raise ValueError(body)
