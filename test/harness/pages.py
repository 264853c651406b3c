"""What the programs show over HTTP: pages, and numbers in Prometheus' text format."""

import re
import urllib.request

_LABEL = r'[a-z_]+="(?:[^"\\]|\\.)*"'
_SERIES = re.compile(r"([a-z0-9_]+)(?:\{(%s(?:,%s)*)\})?" % (_LABEL, _LABEL))


def fetch(port, path):
    with urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=60) as answer:
        return answer.read().decode()


def _parse(series):
    """Name and labels; a series that is not written as one could never be found."""
    found = _SERIES.fullmatch(series)
    if not found:
        raise ValueError("no series: %r" % series)
    return found.group(1), set(re.findall(_LABEL, found.group(2) or ""))


def metric(page, wanted):
    """The sum of all series of the page that have the name and, among others, the labels of `wanted`:
    NAME or NAME{LABEL="VALUE",...}. 0 if there are none, as before a route's first request."""
    name, labels = _parse(wanted)
    total = 0.0
    for line in page.splitlines():
        series, _, value = line.rpartition(" ")
        if re.split("[{ ]", line, 1)[0] == name and labels <= _parse(series)[1]:
            total += float(value)
    return total
