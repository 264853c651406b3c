"""Every configuration that guides and examples show is served as it stands there, but for addresses
and files, which are the test's own."""

import glob
import os
import re
import unittest

from harness.process import Proxy, free_port, runfile
from harness.tls import Authority


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def guide_blocks():
    """Place and text of each configuration with a listener."""
    for page in sorted(glob.glob(runfile("docs/guide/*.md"))):
        for found in re.finditer(r"^```yaml\n(.*?)^```$", read(page), re.DOTALL | re.MULTILINE):
            if "kind: Listener\n" in found.group(1):
                yield os.path.basename(page), found.group(1)


def examples():
    for path in sorted(glob.glob(runfile("examples/*.yaml"))):
        yield os.path.basename(path), read(path)


class DocumentsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.issued = cls.authority.issue("documents", "DNS:shop.example")
        cls.descriptors = cls.issued.key + ".b64"
        shown = read(runfile("examples/transcoding.yaml"))
        with open(cls.descriptors, "w", encoding="utf-8") as file:
            file.write(re.search(r'descriptor_set: "(.*)"', shown).group(1))

    def of_the_test(self, path):
        if path.endswith(".b64"):
            return self.descriptors
        if "privkey" in path:
            return self.issued.key
        return self.authority.pem if "ca" in os.path.basename(path) else self.issued.certificate

    def adapted(self, text):
        resources = []
        for resource in re.split(r"^---\n", text, flags=re.MULTILINE):
            if re.search(r"^kind: Listener$", resource, re.MULTILINE):
                resource = re.sub(r"(?m)^address: .*", "address: 127.0.0.1:%d" % free_port(),
                                  resource)
            resources.append(resource)
        text = "---\n".join(resources)
        # Endpoints are asked how they are: only on this machine.
        text = re.sub(r"\b10\.(\d+\.\d+\.\d+)", r"127.\1", text)
        text = re.sub(r'address: "[\w.]+\.internal:', 'address: "localhost:', text)
        return re.sub(r"from_file: ([^},\s]+)",
                      lambda found: "from_file: " + self.of_the_test(found.group(1)), text)

    def check_served(self, configurations, least):
        count = 0
        for place, text in configurations:
            count += 1
            with self.subTest(place), Proxy(self.adapted(text)) as proxy:
                self.assertEqual([line for line in proxy.lines if "cannot be served" in line], [])
                self.assertIn('"faults":[]', proxy.page("/config"))
        self.assertGreaterEqual(count, least)

    def test_what_the_guide_shows_is_served(self):
        self.check_served(guide_blocks(), 12)

    def test_every_example_is_served(self):
        self.check_served(examples(), 14)


if __name__ == "__main__":
    unittest.main()
