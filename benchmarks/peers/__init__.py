"""Programs that run beside the exporter, each started by `python -m benchmarks.peers.NAME`."""
