"""Taking the mesh down."""

from mesh import components, paths
from mesh.state import State


def down(state: State) -> None:
    """Stop what runs, the poller first, and remove what it leaves; addresses that were given stay alone."""
    for component in reversed(state.components):
        components.stop(component)
    components.clean()
    for file in (paths.REINDEX, paths.STATE):
        file.unlink(missing_ok=True)
