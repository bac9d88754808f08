"""What each tenant does, and what it may still do."""

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mesh.console.gauges import Gauges
from mesh.console.playground import Errands
from mesh.errors import MeshError

_OTHERS = "_other"  # all that are not among the twenty that metrics name


class Tenants:
    """The tenants that called since the mesh is up."""

    def __init__(self, gauges: Gauges, errands: Errands) -> None:
        self._gauges = gauges
        self._errands = errands

    @property
    def routes(self) -> list[Route]:
        """What an application is to serve."""
        return [Route("/api/tenants", self._list)]

    async def _list(self, _: Request) -> JSONResponse:
        counts = await self._gauges.tenants()
        named = sorted(name for name in counts if name != _OTHERS)
        try:
            known = await self._errands.run("tenants", names=named)
        except MeshError as error:
            return JSONResponse({"message": str(error)}, 503)
        rows = [{"tenant": name, "counts": counts[name], **known.get(name, {})} for name in counts]
        return JSONResponse({"tenants": rows})
