"""The traces of the mesh on this machine: an OTLP endpoint that keeps the last thousand in memory."""
