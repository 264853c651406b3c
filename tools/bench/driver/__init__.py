"""Compares Sluice with its peers; `tools/bench/run` starts it."""
