#!/usr/bin/env bash
# The program of every python_test() target.
exec /usr/bin/python3 -B "$@"
