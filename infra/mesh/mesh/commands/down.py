"""Taking the mesh down."""

from mesh import components, containers, paths
from mesh.state import State


def down(state: State, volumes: bool = False) -> None:
    """Stop what runs, the poller first, and remove what it leaves; addresses that were given stay alone.

    Containers that the mesh started are stopped too; their volumes go only if `volumes` says so.
    """
    for component in reversed(state.components):
        components.stop(component)
    if state.compose:
        containers.stop(volumes)
    components.clean()
    for file in (paths.REINDEX, paths.STATE):
        file.unlink(missing_ok=True)
