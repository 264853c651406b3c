#!/usr/bin/env bash
# The program of every python_test() target. Tests import what they share as harness.NAME.
export PYTHONPATH=$PWD/test
exec /usr/bin/python3 -B "$@"
