"""The tests of behaviour over one combination of protocols: matrix_test.py CLIENT UPSTREAM, each of
them http1, http1_tls, http2 or http2_tls.

What is of one protocol alone is skipped there, with its reason at the test."""

import os
import sys
import unittest

os.environ["SLUICE_CLIENT"], os.environ["SLUICE_UPSTREAM"] = sys.argv[1:3]

MODULES = ["exchange_test", "resilience_test", "traffic_policy_test", "tunnel_test"]

if __name__ == "__main__":
    suite = unittest.defaultTestLoader.loadTestsFromNames(MODULES)
    sys.exit(not unittest.TextTestRunner().run(suite).wasSuccessful())
