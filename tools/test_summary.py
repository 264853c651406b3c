"""The closing line of tools/test: counts test cases in what Bazel and the fuzz targets left behind.

  test_summary.py FOLDER    with *.json (Bazel's build events) and fuzz.txt ("TARGET passed|failed")

Exit status 1 if something failed.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree

# A target with such a result has failed, whatever cases it may have reported.
_GOOD = {"PASSED", "FLAKY"}


def count_xml(text: str) -> collections.Counter:
    """Outcomes of the cases in a test.xml; those that were filtered out count nothing."""
    counts: collections.Counter = collections.Counter()
    for case in xml.etree.ElementTree.fromstring(text).iter("testcase"):
        if case.get("status") == "notrun":
            continue
        if case.find("failure") is not None or case.find("error") is not None:
            counts["failed"] += 1
        elif case.find("skipped") is not None or case.get("result") == "skipped":
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def count_target(status: str, xml_text: str | None) -> collections.Counter:
    """Outcomes of one target. One that failed counts at least one failure: a crash or a leak
    leaves no failed case behind."""
    counts: collections.Counter = collections.Counter()
    if xml_text:
        try:
            counts = count_xml(xml_text)
        except xml.etree.ElementTree.ParseError:
            pass
    if status in _GOOD:
        counts["passed"] += 0 if counts else 1
    else:
        counts["failed"] = max(1, counts["failed"])
    return counts


def read_events(path: pathlib.Path) -> tuple[collections.Counter, list[str]]:
    """Outcomes of one `bazel test`, and the targets that failed or could not be built."""
    counts: collections.Counter = collections.Counter()
    failed = []
    for line in path.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        identity = event.get("id", {})
        if "testResult" in identity:
            result = event.get("testResult", {})
            found = count_target(result.get("status", "NO_STATUS"), _xml_of(result))
            counts += found
            if found["failed"]:
                failed.append(identity["testResult"]["label"])
        elif "targetCompleted" in identity and not event.get("completed", {}).get("success"):
            counts["failed"] += 1
            failed.append(identity["targetCompleted"]["label"] + " (did not build)")
    return counts, failed


def _xml_of(result: dict) -> str | None:
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            path = pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path))
            return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
    return None


def closing_line(counts: collections.Counter) -> str:
    line = f"{counts['passed']} passed, {counts['failed']} failed"
    return line + (f", {counts['skipped']} skipped" if counts["skipped"] else "")


def main(folder: pathlib.Path) -> int:
    counts: collections.Counter = collections.Counter()
    failed = []
    for path in sorted(folder.glob("*.json")):
        found, names = read_events(path)
        counts += found
        failed += names
    fuzz = folder / "fuzz.txt"
    if fuzz.exists():
        for line in fuzz.read_text(encoding="utf-8").splitlines():
            target, outcome = line.split()
            counts[outcome] += 1
            failed += [target] if outcome == "failed" else []
    for name in failed:
        print("FAILED", name)
    print(closing_line(counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
