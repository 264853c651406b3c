"""Reads header blocks of HTTP/2 by libnghttp2, which keeps the table of one connection."""

import ctypes


class _Field(ctypes.Structure):
    _fields_ = [("name", ctypes.POINTER(ctypes.c_char)), ("value", ctypes.POINTER(ctypes.c_char)),
                ("name_size", ctypes.c_size_t), ("value_size", ctypes.c_size_t),
                ("flags", ctypes.c_uint8)]


_nghttp2 = ctypes.CDLL("libnghttp2.so.14")
_nghttp2.nghttp2_hd_inflate_hd2.restype = ctypes.c_ssize_t
_nghttp2.nghttp2_hd_inflate_hd2.argtypes = [
    ctypes.c_void_p, ctypes.POINTER(_Field), ctypes.POINTER(ctypes.c_int), ctypes.c_char_p,
    ctypes.c_size_t, ctypes.c_int]
_FINAL, _EMIT = 1, 2


class Inflater:
    def __init__(self):
        self._inflater = ctypes.c_void_p()
        if _nghttp2.nghttp2_hd_inflate_new(ctypes.byref(self._inflater)) != 0:
            raise MemoryError()

    def __del__(self):
        _nghttp2.nghttp2_hd_inflate_del(self._inflater)

    def read(self, block):
        """The fields of a whole block, as pairs."""
        fields, field, flags = [], _Field(), ctypes.c_int()
        while True:
            used = _nghttp2.nghttp2_hd_inflate_hd2(
                self._inflater, ctypes.byref(field), ctypes.byref(flags), block, len(block), 1)
            if used < 0:
                raise ConnectionError("no header block: %d" % used)
            block = block[used:]
            if flags.value & _EMIT:
                fields.append((field.name[:field.name_size], field.value[:field.value_size]))
            if flags.value & _FINAL:
                _nghttp2.nghttp2_hd_inflate_end_headers(self._inflater)
                return fields
