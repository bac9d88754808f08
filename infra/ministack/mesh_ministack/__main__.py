"""`python -m mesh_ministack`: MiniStack, repaired."""

import os

os.environ.pop("PYTHONPATH", None)  # what led here is not for the functions

from ministack.app import main

from mesh_ministack import repairs

if __name__ == "__main__":
    repairs.invocations_wait()
    repairs.workers_keep_to_their_memory()
    repairs.endings_are_told()
    repairs.every_invocation_is_counted()
    main()
