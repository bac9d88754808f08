"""Run a Docker engine with Lambda's base image until Ctrl-C: python -m infra.sam."""

import signal
import sys

from infra.sam.base_image import ensure_base_image
from infra.sam.engine import EngineError, bridge_address, engine


def main() -> None:
    """Say what to export in the shell that runs `sam local`, and stay."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with engine() as client:
            ensure_base_image(client)
            for name, value in {**client, "MESH_HOST": bridge_address(client)}.items():
                print(f"export {name}={value}", flush=True)  # noqa: T201
            signal.pause()
    except EngineError as error:
        sys.exit(f"sam local has no Docker engine: {error}.")
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
