"""What shows a mesh that runs: its state, its logs, its traces, its page."""
