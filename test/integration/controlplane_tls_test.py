"""The three programs with mutual TLS, by certificates of tools/certs: who may do what, what is said
to those who may not, and how certificates are renewed."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

from harness.process import ControlPlane, FleetProxy, free_port, runfile, sluicectl, wait_until
from harness.raw import Client, Server

UPSTREAM = "kind: Upstream\nname: up\nendpoints: [{address: \"127.0.0.1:%d\"}]\n"
ROUTE = "---\nkind: Route\nname: r\npaths: [/]\nupstream: up\n"
LISTENER = "---\nkind: Listener\nname: l\naddress: 127.0.0.1:%d\ngroups: [edge]\n"


class TlsCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        for arguments in (("server", "localhost", "127.0.0.1"), ("proxy", "edge", "edge-1"),
                          ("proxy", "inner", "inner-1"), ("viewer", "bob"), ("admin", "alice")):
            cls.certs(os.path.join(cls.made.name, "certs"), *arguments)

    @staticmethod
    def certs(directory, *arguments, flags=()):
        subprocess.run([runfile("tools/certs"), *flags, directory, *arguments], check=True,
                       stdout=subprocess.DEVNULL)

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        shutil.copytree(os.path.join(self.made.name, "certs"), self.path("certs"))

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def cert(self, name):
        return self.path("certs", name)

    def start_control_plane(self, *extra):
        self.control_plane = ControlPlane(
            self.path("data"),
            extra=extra or ("--tls-cert", self.cert("server.crt"), "--tls-key", self.cert("server.key"),
                            "--tls-client-ca", self.cert("ca.crt")))
        self.addCleanup(self.control_plane.stop)

    def ctl(self, who, *arguments, **options):
        return sluicectl(
            self.control_plane.grpc_port, "--ca", self.cert("ca.crt"), "--cert", self.cert(who + ".crt"),
            "--key", self.cert(who + ".key"), *arguments, **options)

    def start_proxy(self, node, groups, certificate, *extra):
        proxy = FleetProxy(
            self.control_plane.grpc_port, self.path("state-" + node), node, groups,
            extra=("--control-plane-ca", self.cert("ca.crt"),
                   "--control-plane-cert", self.cert(certificate + ".crt"),
                   "--control-plane-key", self.cert(certificate + ".key"), *extra))
        self.addCleanup(proxy.stop)
        return proxy

    def fetch(self, who, method, path, body=None):
        """Status and text of an answer of the HTTP port; `who` is None for no certificate."""
        context = ssl.create_default_context(cafile=self.cert("ca.crt"))
        if who is not None:
            context.load_cert_chain(self.cert(who + ".crt"), self.cert(who + ".key"))
        connection = http.client.HTTPSConnection("127.0.0.1", self.control_plane.http_port,
                                                 timeout=60, context=context)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {} if body is None else {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def serial(self, port):
        """Of the certificate that a port shows."""
        context = ssl.create_default_context(cafile=self.cert("ca.crt"))
        context.load_cert_chain(self.cert("viewer-bob.crt"), self.cert("viewer-bob.key"))
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", port), 30) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
                return secure.getpeercert()["serialNumber"]


class MutualTlsTest(TlsCase):
    def setUp(self):
        super().setUp()
        self.start_control_plane()

    def test_what_an_administrator_applies_is_served_and_the_history_says_who(self):
        upstream = Server()
        self.addCleanup(upstream.close)
        proxy = self.start_proxy("edge-1", "edge", "proxy-edge-1")
        proxy.wait_for_line("connected")
        port = free_port()
        config = UPSTREAM % upstream.port + ROUTE + LISTENER % port
        self.assertIn("active 1/1",
                      self.ctl("admin-alice", "apply", "-f", "-", "--wait", stdin=config))
        with Client(port) as client:
            answer = client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").response()
        self.assertEqual(answer.status, 200)
        self.assertIn("alice", self.ctl("viewer-bob", "history"))

    def test_a_viewer_reads_and_tries_out_but_does_not_change(self):
        config = UPSTREAM % 80
        self.assertIn("up", self.ctl("viewer-bob", "apply", "-f", "-", "--dry-run", stdin=config))
        refused = self.ctl("viewer-bob", "apply", "-f", "-", stdin=config, status=1)
        self.assertIn("sluice://viewer/bob", refused)
        self.assertIn("sluice://admin/NAME", refused)
        self.assertIn("sluice://admin/NAME", self.ctl("viewer-bob", "forget", "edge-1", status=1))
        self.assertNotIn("up", self.ctl("viewer-bob", "get", "upstreams"))

    def test_a_proxy_syncs_only_as_what_its_certificate_says(self):
        for node, groups, certificate in (("edge-1", "edge", "proxy-inner-1"),
                                          ("inner-1", "edge,inner", "proxy-inner-1"),
                                          ("edge-2", "edge", "proxy-edge-1"),
                                          ("edge-1", "edge", "viewer-bob")):
            proxy = self.start_proxy(node, groups, certificate)
            self.assertIn("sluice://proxy/", proxy.wait_for_line("it takes one with the URI"))
            proxy.stop()
        self.assertNotIn("edge-", self.ctl("viewer-bob", "status"))

    def test_a_certificate_of_a_proxy_reads_nothing(self):
        self.assertIn("sluice://viewer/NAME", self.ctl("proxy-edge-1", "get", "all", status=1))

    def test_a_renewed_certificate_of_a_proxy_needs_no_restart(self):
        shutil.copy(self.cert("proxy-inner-1.crt"), self.cert("mine.crt"))
        shutil.copy(self.cert("proxy-inner-1.key"), self.cert("mine.key"))
        proxy = self.start_proxy("edge-1", "edge", "mine")
        proxy.wait_for_line("it takes one with the URI")
        shutil.copy(self.cert("proxy-edge-1.key"), self.cert("mine.key"))
        shutil.copy(self.cert("proxy-edge-1.crt"), self.cert("mine.crt"))
        proxy.wait_for_line("connected")

    def test_http_asks_for_certificates_too_but_for_health(self):
        self.assertEqual(self.fetch(None, "GET", "/healthz")[0], 200)
        self.assertEqual(self.fetch(None, "GET", "/readyz")[0], 200)
        for path in ("/metrics", "/v1/routes", "/v1/proxies"):
            status, text = self.fetch(None, "GET", path)
            self.assertEqual(status, 403, path)
            self.assertIn("no client certificate was shown", text)
            self.assertEqual(self.fetch("proxy-edge-1", "GET", path)[0], 403)
            self.assertEqual(self.fetch("viewer-bob", "GET", path)[0], 200)
        resources = {"resources": [{"kind": "Upstream", "name": "up"}]}
        self.assertEqual(self.fetch("viewer-bob", "POST", "/v1/validate", resources)[0], 200)
        self.assertEqual(self.fetch("viewer-bob", "POST", "/v1/apply", resources)[0], 403)
        self.assertEqual(
            self.fetch("admin-alice", "POST", "/v1/apply?author=mallory", resources)[0], 200)
        self.assertIn('"author":"alice"', self.fetch("viewer-bob", "GET", "/v1/generations")[1])
        self.assertEqual(self.fetch("viewer-bob", "DELETE", "/v1/upstreams/up")[0], 403)
        self.assertEqual(self.fetch("viewer-bob", "POST", "/v1/rollback", {"generation": 1})[0], 403)

    def test_certificates_of_other_authorities_are_nobodys(self):
        self.certs(self.path("other"), "admin", "alice")
        for suffix in (".crt", ".key"):
            shutil.copy(self.path("other", "admin-alice" + suffix), self.cert("stranger" + suffix))
        status, text = self.fetch("stranger", "GET", "/metrics")
        self.assertEqual(status, 403)
        self.assertIn("the client certificate is refused", text)
        self.ctl("stranger", "get", "all", status=1)

    def test_a_renewed_certificate_is_shown_and_a_broken_one_is_not(self):
        ports = (self.control_plane.grpc_port, self.control_plane.http_port)
        first = self.serial(ports[0])
        self.assertEqual(self.serial(ports[1]), first)
        self.certs(self.path("certs"), "server", "127.0.0.1")
        for port in ports:
            wait_until(lambda: self.serial(port) != first, "the renewed certificate")
        renewed = self.serial(ports[0])
        with open(self.cert("server.crt"), "w") as file:
            file.write("broken\n")

        def is_logged():
            self.assertEqual([self.serial(port) for port in ports], [renewed, renewed])
            return any("what was read before stays" in line for line in self.control_plane.lines)
        wait_until(is_logged, "word of the broken file")


class FailureTest(TlsCase):
    """What sluicectl says when certificates are not right."""

    def ctl_bare(self, *arguments):
        return sluicectl(self.control_plane.grpc_port, *arguments, "get", "all", status=1)

    def test_a_server_with_tls_and_a_client_without(self):
        self.start_control_plane()
        self.assertIn("--ca", self.ctl_bare())

    def test_a_client_with_tls_and_a_server_without(self):
        self.start_control_plane("--history-keep", "10")
        self.assertIn("does not speak TLS", self.ctl_bare("--ca", self.cert("ca.crt")))

    def test_a_server_of_another_authority(self):
        self.start_control_plane()
        self.certs(self.path("other"))
        self.assertIn("its certificate is not of the authorities in --ca",
                      self.ctl_bare("--ca", self.path("other", "ca.crt")))

    def test_a_server_of_another_name(self):
        self.start_control_plane()
        output = self.ctl("viewer-bob", "--server-name", "elsewhere.example", "get", "all", status=1)
        self.assertIn("elsewhere.example", output)
        self.ctl("viewer-bob", "--server-name", "localhost", "get", "all")

    def test_an_expired_server(self):
        self.certs(self.path("certs"), "server", "127.0.0.1", flags=("--days", "-1"))
        self.start_control_plane()
        self.assertIn("expired", self.ctl("viewer-bob", "get", "all", status=1))

    def test_no_client_certificate_where_one_is_wanted(self):
        self.start_control_plane()
        self.assertIn("--cert", self.ctl_bare("--ca", self.cert("ca.crt")))

    def test_an_expired_client(self):
        self.start_control_plane()
        self.certs(self.path("certs"), "admin", "old", flags=("--days", "-1"))
        self.assertIn("--cert", self.ctl("admin-old", "get", "all", status=1))

    def test_files_that_do_not_fit_are_named_at_start(self):
        arguments = [runfile("controlplane/main/sluice-controlplane"), "--data-dir", self.path("data"),
                     "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]
        for certificate, key, ca, words in (
                ("server.crt", "admin-alice.key", "ca.crt", "is not the key of"),
                ("missing.crt", "server.key", "ca.crt", "missing.crt: cannot be read"),
                ("server.key", "server.key", "ca.crt", "no chain of certificates"),
                ("server.crt", "server.crt", "ca.crt", "no private key"),
                ("server.crt", "server.key", "server.key", "no certificates of authorities")):
            done = subprocess.run(
                [*arguments, "--tls-cert", self.cert(certificate), "--tls-key", self.cert(key),
                 "--tls-client-ca", self.cert(ca)], stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual(done.returncode, 1, done.stdout)
            self.assertIn(words, done.stdout)


class ServerOnlyTest(TlsCase):
    def test_without_an_authority_for_clients_everybody_may_everything_over_tls(self):
        self.start_control_plane("--tls-cert", self.cert("server.crt"),
                                 "--tls-key", self.cert("server.key"))
        sluicectl(self.control_plane.grpc_port, "--ca", self.cert("ca.crt"), "apply", "-f", "-",
                  stdin=UPSTREAM % 80)
        self.assertEqual(self.fetch(None, "GET", "/v1/upstreams/up")[0], 200)


class ContextTest(TlsCase):
    def setUp(self):
        super().setUp()
        self.start_control_plane()
        os.makedirs(self.path("config", "sluice"))
        self.file = self.path("config", "sluice", "contexts.yaml")
        self.write("# of the team\ncontexts:\n"
                   "  - name: trial\n    server: 127.0.0.1:%d\n    ca: ../../certs/ca.crt\n"
                   "    cert: ../../certs/viewer-bob.crt\n    key: ../../certs/viewer-bob.key\n"
                   "  - name: gone\n    server: 127.0.0.1:1\n" % self.control_plane.grpc_port)

    def write(self, text):
        with open(self.file, "w") as file:
            file.write(text)

    def run_ctl(self, *arguments, status=0, **environment):
        done = subprocess.run(
            [runfile("tools/sluicectl/sluicectl"), *arguments], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60,
            env={**os.environ, "XDG_CONFIG_HOME": self.path("config"), **environment})
        self.assertEqual(done.returncode, status, done.stdout)
        return done.stdout

    def test_a_context_says_where_the_server_is_and_how_to_speak_to_it(self):
        self.assertIn("generation", self.run_ctl("--context", "trial", "version"))
        self.assertIn("generation", self.run_ctl("version", SLUICE_CONTEXT="trial"))
        self.assertIn("there is no context",
                      self.run_ctl("--context", "nowhere", "version", status=2))

    def test_the_current_one_is_used_unless_a_server_is_given(self):
        self.assertIn("trial", self.run_ctl("context", "use", "trial"))
        self.assertIn("generation", self.run_ctl("version"))
        self.assertIn("# of the team", open(self.file).read())
        self.assertIn("*", self.run_ctl("context"))
        self.run_ctl("--server", "127.0.0.1:1", "version", status=1)
        self.run_ctl("context", "use", "gone")
        self.assertIn("127.0.0.1:1", self.run_ctl("version", status=1))

    def test_a_flag_overrides_a_field_of_the_context(self):
        output = self.run_ctl("--context", "trial", "--server-name", "elsewhere.example", "version",
                              status=1)
        self.assertIn("elsewhere.example", output)

    def test_mistakes_in_the_file_are_named_by_line(self):
        for text, words in (("current: x\n", ":1: current: there is no context"),
                            ("contexts:\n  - name: a\n    sever: b\n", ":3: there is no field \"sever\"; "
                             "did you mean server?"),
                            ("contexts:\n  - server: b\n", "needs a name"),
                            ("contexts: [{name: a}]\n", "needs a server"),
                            ("contexts: 7\n", "want a list"),
                            ("- a\n", "want `current` and `contexts`")):
            self.write(text)
            self.assertIn(words, self.run_ctl("version", status=1))
        self.run_ctl("help")


if __name__ == "__main__":
    unittest.main()
