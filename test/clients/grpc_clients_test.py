"""gRPC of C++ and of Node, each client with each server, through what examples/grpc.yaml says: every
kind of call, deadlines, cancellation, errors without messages, metadata, big messages, keep-alive.
Besides grpcurl, which asks the server what it serves, and gRPC-Web from Node."""

import json
import os
import subprocess
import unittest

from harness.fetched import go_tool, node_modules
from harness.process import Process, Proxy, free_port, runfile
from harness.tls import Authority

GRPCURL = ("test/clients/grpcurl", "github.com/fullstorydev/grpcurl/cmd/grpcurl")
PROTO = "test/clients/echo.proto"

SCENARIOS = ["unary", "metadata", "errors", "deadline", "big", "upload", "download", "chat",
             "cancel", "keepalive", "many"]
WEB_SCENARIOS = ["unary", "errors", "deadline", "download"]


def example(upstream_port, plain_port, certificate):
    """The example, with our ports, files and service in the places of those that it names."""
    with open(runfile("examples/grpc.yaml")) as f:
        text = f.read()
    for ours, theirs in [("127.0.0.1:{port}", "0.0.0.0:8443"),
                         ("127.0.0.1:%d" % plain_port, "0.0.0.0:8080"),
                         ("127.0.0.1:%d" % upstream_port, "127.0.0.1:50051"),
                         (certificate.certificate, "/etc/ssl/shop/fullchain.pem"),
                         (certificate.key, "/etc/ssl/shop/privkey.key"),
                         ("/clients.Echo/", "/shop.v1.Prices/")]:
        if theirs not in text:
            raise AssertionError("the example does not name %s any more" % theirs)
        text = text.replace(theirs, ours)
    return text


class GrpcClientsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority()
        cls.addClassCleanup(cls.authority.close)
        cls.certificate = cls.authority.issue("localhost", "DNS:localhost", "IP:127.0.0.1")

    def through_a_proxy_to(self, *server, environment=None):
        """Starts both; the ports that take TLS and what is in the clear."""
        program = Process(server, environment)
        self.addCleanup(program.stop)
        port = int(program.wait_for_line("listening on").rsplit(" ", 1)[1])
        plain_port = free_port()
        proxy = Proxy(example(port, plain_port, self.certificate))
        self.addCleanup(proxy.stop)
        return proxy.port, plain_port

    def node_environment(self):
        """Skips where Node or its packages are not to be had."""
        return {**os.environ, "NODE_PATH": node_modules("test/clients/node")}

    def node_command(self, name, *arguments):
        return ["node", runfile("test/clients/node/" + name), *arguments]

    def check(self, command, scenarios, environment=None):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=120, env=environment)
        self.assertEqual(done.stdout.splitlines(), [name + " ok" for name in scenarios])

    def check_cpp_client(self, tls_port, plain_port):
        client = runfile("test/clients/grpc_client")
        # By address: the c-ares in the client's gRPC leaks the name it looked up.
        self.check([client, "127.0.0.1:%d" % tls_port, self.authority.pem], SCENARIOS)
        self.check([client, "127.0.0.1:%d" % plain_port], SCENARIOS)

    def check_node_client(self, environment, tls_port, plain_port):
        for arguments in (["localhost:%d" % tls_port, self.authority.pem],
                          ["localhost:%d" % plain_port]):
            self.check(self.node_command("grpc_client.js", runfile(PROTO), *arguments), SCENARIOS,
                       environment)

    def cpp_server(self):
        return self.through_a_proxy_to(runfile("test/clients/grpc_server"))

    def node_server(self):
        return self.through_a_proxy_to(*self.node_command("grpc_server.js", runfile(PROTO)),
                                       environment=self.node_environment())

    def test_cpp_client_and_cpp_server(self):
        self.check_cpp_client(*self.cpp_server())

    def test_cpp_client_and_node_server(self):
        self.check_cpp_client(*self.node_server())

    def test_node_client_and_cpp_server(self):
        environment = self.node_environment()
        self.check_node_client(environment, *self.cpp_server())

    def test_node_client_and_node_server(self):
        environment = self.node_environment()
        self.check_node_client(environment, *self.node_server())

    def test_grpc_web_over_either_protocol(self):
        environment = self.node_environment()
        tls_port, plain_port = self.cpp_server()
        for url, version in [("https://localhost:%d" % tls_port, "1.1"),
                             ("https://localhost:%d" % tls_port, "2"),
                             ("http://localhost:%d" % plain_port, "1.1"),
                             ("http://localhost:%d" % plain_port, "2")]:
            with self.subTest(url=url, version=version):
                self.check(self.node_command("grpc_web_client.js", url, version), WEB_SCENARIOS,
                           environment)

    def grpcurl(self, port, *arguments, stdin=""):
        command = [go_tool(*GRPCURL), "-cacert", self.authority.pem, *arguments[:-1],
                   "localhost:%d" % port, *arguments[-1]]
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)

    def test_grpcurl_finds_the_service_by_reflection_and_calls_it(self):
        go_tool(*GRPCURL)
        tls_port, _ = self.cpp_server()
        listed = self.grpcurl(tls_port, ["list"])
        self.assertIn("clients.Echo", listed.stdout.split())
        called = self.grpcurl(tls_port, "-d", '{"number": 7}', ["clients.Echo/Unary"])
        self.assertEqual(json.loads(called.stdout), {"number": 7})
        messages = "".join('{"number": %d}' % i for i in range(1, 101))
        summed = self.grpcurl(tls_port, "-d", "@", ["clients.Echo/Collect"], stdin=messages)
        self.assertEqual(json.loads(summed.stdout), {"count": 100, "sum": "5050"})
        failed = self.grpcurl(tls_port, "-d", '{"code": 5, "message": "gone"}',
                              ["clients.Echo/Fail"])
        self.assertEqual(failed.returncode, 64 + 5)
        self.assertIn("Code: NotFound\n  Message: gone", failed.stdout)


if __name__ == "__main__":
    unittest.main()
