"""`python -m kafka_esm`: the same as the command `kafka-esm`."""

import sys

from kafka_esm.cli import main

if __name__ == "__main__":
    sys.exit(main())
