"""A page in Chromium over HTTP/2 and TLS: fetch, many at once, Server-Sent Events, and WebSocket on the
page's own connection. The page reports what it saw."""

import base64
import hashlib
import json
import queue
import struct
import tempfile
import unittest

from harness.process import Process, Proxy
from harness.raw import Server
from harness.tls import Authority

CONFIG = """
kind: Listener
name: public
address: 127.0.0.1:{port}
tls: {certificates: [server]}
access_log: {path: %s, format: json}
---
kind: Upstream
name: site
endpoints: [{address: "127.0.0.1:%d"}]
---
kind: Route
name: site
upstream: site
upgrades: [websocket]
"""

PAGE = b"""<!doctype html><title>page</title><script>
async function fetched() {
  const body = 'x'.repeat(300000);
  const answers = await Promise.all([...Array(60).keys()].map(async (i) =>
      (await fetch('/echo?' + i, {method: 'POST', body})).text()));
  return answers.every((answer) => answer === body);
}
function events() {
  return new Promise((resolve) => {
    const got = [];
    const source = new EventSource('/events');
    source.onmessage = (event) => {
      got.push(event.data);
      if (got.length < 20) return;
      source.close();
      resolve(got);
    };
  });
}
function socket() {
  return new Promise((resolve) => {
    const socket = new WebSocket('wss://' + location.host + '/socket');
    const got = [];
    socket.onopen = () => socket.send('0');
    socket.onmessage = (event) => {
      got.push(event.data);
      got.length < 20 ? socket.send(String(got.length)) : socket.close(1000);
    };
    socket.onclose = (event) => resolve({got, code: event.code});
    socket.onerror = () => resolve({got, code: 'error'});
  });
}
(async () => {
  const report = {fetched: await fetched(), events: await events(), socket: await socket()};
  report.protocols = [...new Set(performance.getEntriesByType('resource')
      .filter((entry) => entry.name.includes('/echo')).map((entry) => entry.nextHopProtocol))];
  await fetch('/report', {method: 'POST', body: JSON.stringify(report)});
})().catch((error) => fetch('/report', {method: 'POST', body: JSON.stringify(String(error))}));
</script>"""

NUMBERS = [str(i) for i in range(20)]


def answer(connection, body, kind):
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" %
                    (kind, len(body), body))


def send_events(connection):
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                    b"transfer-encoding: chunked\r\n\r\n")
    for number in NUMBERS:
        event = b"data: %s\n\n" % number.encode()
        connection.send(b"%x\r\n%s\r\n" % (len(event), event))
    connection.read_to_end()


def echo_frames(connection, start):
    """Sends the client's short frames back, until it closes."""
    key = next(line.split(b":", 1)[1].strip() for line in start.split(b"\r\n")
               if line.lower().startswith(b"sec-websocket-key:"))
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    connection.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while True:
        kind, size = struct.unpack("BB", connection.read_exactly(2))
        mask = connection.read_exactly(4)
        data = bytes(byte ^ mask[i % 4]
                     for i, byte in enumerate(connection.read_exactly(size & 0x7f)))
        connection.send(bytes([kind, len(data)]) + data)
        if kind & 0xf == 8:
            return


class ChromiumTest(unittest.TestCase):
    def serve(self, server, connection):
        while True:
            start, body = server.read_request(connection)
            path = start.split(b" ")[1].split(b"?")[0]
            if path == b"/events":
                return send_events(connection)
            if path == b"/socket":
                return echo_frames(connection, start)
            if path == b"/report":
                self.reports.put(json.loads(body))
            answer(connection, PAGE if path == b"/" else body,
                   b"text/html" if path == b"/" else b"text/plain")

    def test_a_page_that_fetches_listens_and_talks(self):
        self.reports = queue.Queue()
        upstream = Server(self.serve)
        self.addCleanup(upstream.close)
        authority = Authority()
        self.addCleanup(authority.close)
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        log = folder.name + "/access.log"
        proxy = Proxy(CONFIG % (log, upstream.port) +
                      authority.issue("localhost", "DNS:localhost").yaml("server"))
        self.addCleanup(proxy.stop)
        browser = Process([
            "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
            "--no-first-run", "--disable-background-networking", "--disable-component-update",
            "--disable-sync", "--disable-dev-shm-usage", "--ignore-certificate-errors",
            "--user-data-dir=" + folder.name + "/profile", "--remote-debugging-port=0",
            "https://localhost:%d/" % proxy.port], {"HOME": folder.name})
        self.addCleanup(browser.stop)
        try:
            report = self.reports.get(timeout=120)
        except queue.Empty:
            self.fail("the page reported nothing:\n" + "\n".join(browser.lines[-30:]))
        self.assertEqual(report, {
            "fetched": True, "events": NUMBERS, "protocols": ["h2"],
            "socket": {"got": NUMBERS, "code": 1000}})
        proxy.terminate()  # Which writes its log to the end.
        proxy.wait()
        with open(log) as f:
            lines = [json.loads(line) for line in f]
        seen = {(line["method"], line["path"], line["protocol"], line["status"]) for line in lines}
        self.assertIn(("GET", "/", "HTTP/2", 200), seen)
        # WebSocket, too, on the connection of the page (RFC 8441): the log has it as it goes on.
        self.assertIn(("GET", "/socket", "HTTP/2", 101), seen)


if __name__ == "__main__":
    unittest.main()
