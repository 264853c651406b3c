"""Opens and seals what a control plane keeps (controlplane/seal/sealer.h), with GnuTLS's cipher."""

import ctypes
import os

_AES_256_GCM = 11
_KEY_ID, _NONCE, _TAG = 8, 12, 16


class _Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_uint)]


class Sealer:
    """With the first key of a key file."""

    def __init__(self, key_file):
        with open(key_file, encoding="ascii") as lines:
            self._key = bytes.fromhex(next(line for line in lines if line[0] not in "#\n"))
        self._gnutls = ctypes.CDLL("libgnutls.so.30")
        self._handle = ctypes.c_void_p()
        self._check(self._gnutls.gnutls_aead_cipher_init(
            ctypes.byref(self._handle), _AES_256_GCM,
            ctypes.byref(_Datum(self._key, len(self._key)))))

    def _check(self, code):
        if code != 0:
            raise ValueError("GnuTLS: %d" % code)

    def _run(self, function, nonce, what, text, room):
        out = ctypes.create_string_buffer(room + 1)
        size = ctypes.c_size_t(room)
        self._check(function(
            self._handle, nonce, ctypes.c_size_t(len(nonce)), what, ctypes.c_size_t(len(what)),
            ctypes.c_size_t(_TAG), text, ctypes.c_size_t(len(text)), out, ctypes.byref(size)))
        return out.raw[:size.value]

    def open(self, sealed, what):
        """What was sealed as `what`; ValueError if it was not."""
        nonce, text = sealed[_KEY_ID:_KEY_ID + _NONCE], sealed[_KEY_ID + _NONCE:]
        return self._run(self._gnutls.gnutls_aead_cipher_decrypt, nonce, what, text, len(text))

    def seal_like(self, sealed, plain, what):
        """`plain`, sealed with the key that sealed `sealed`."""
        nonce = os.urandom(_NONCE)
        return sealed[:_KEY_ID] + nonce + self._run(
            self._gnutls.gnutls_aead_cipher_encrypt, nonce, what, plain, len(plain) + _TAG)
