"""python -m function_host."""

import sys

from function_host.cli import main

if __name__ == "__main__":
    sys.exit(main())
