"""Certificates for the proxies under test."""

from __future__ import annotations

import functools
import pathlib
import subprocess
import tempfile

_KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("rsa:2048",)}


@functools.cache
def make(kind: str) -> tuple[str, str]:
    """Certificate and key in PEM: one of each kind for all proxies."""
    with tempfile.TemporaryDirectory() as folder:
        home = pathlib.Path(folder)
        subprocess.run(
            ["openssl", "req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=bench.example",
             "-addext", "subjectAltName=DNS:bench.example", "-newkey", *_KEYS[kind],
             "-keyout", home / "key.pem", "-out", home / "cert.pem"],
            check=True, capture_output=True)
        return ((home / "cert.pem").read_text(encoding="ascii"),
                (home / "key.pem").read_text(encoding="ascii"))


def files(kind: str) -> dict[str, str]:
    """What the proxies read; nothing where `kind` is empty."""
    if not kind:
        return {}
    certificate, key = make(kind)
    return {"cert.pem": certificate, "key.pem": key, "both.pem": certificate + key}
