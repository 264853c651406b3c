"""Certificates made on the spot, and a client and a server that speak TLS."""

import os
import ssl
import subprocess
import tempfile

from harness.raw import Client, Server


def _openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.PIPE)


def read(path):
    with open(path) as f:
        return f.read()


class Issued:
    """Paths of a certificate and of its key."""

    def __init__(self, stem):
        self.certificate = stem + ".pem"
        self.key = stem + ".key"

    def yaml(self, name):
        """A Certificate resource that names the files."""
        return ("---\nkind: Certificate\nname: %s\ncertificate_chain: {from_file: %s}\n"
                "private_key: {from_file: %s}\n" % (name, self.certificate, self.key))


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, name="ca"):
        self._directory = tempfile.TemporaryDirectory()
        self._count = 0
        self.pem = os.path.join(self._directory.name, "ca.pem")
        self._key = os.path.join(self._directory.name, "ca.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-keyout", self._key, "-out", self.pem, "-days", "2", "-subj", "/CN=" + name)

    def issue(self, common_name, *names, rsa=False):
        """`names` as OpenSSL has them: "DNS:a.example", "URI:x://y"."""
        self._count += 1
        issued = Issued(os.path.join(self._directory.name, str(self._count)))
        algorithm = ["rsa:2048"] if rsa else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        extensions = ["-addext", "subjectAltName=" + ",".join(names)] if names else []
        request = issued.key + ".csr"
        _openssl("req", "-newkey", *algorithm, "-nodes", "-keyout", issued.key, "-out", request,
                 "-subj", "/CN=" + common_name, *extensions)
        _openssl("x509", "-req", "-in", request, "-CA", self.pem, "-CAkey", self._key,
                 "-set_serial", str(100 + self._count), "-days", "1", "-copy_extensions", "copy",
                 "-out", issued.certificate)
        return issued

    def ocsp(self, issued, until=None):
        """An OCSP response (DER): `issued` is good, for a day. One that ends at `until`
        (YYYYMMDDHHMMSSZ) instead is no longer rightly signed."""
        serial = subprocess.run(
            ["openssl", "x509", "-in", issued.certificate, "-noout", "-serial"], check=True,
            stdout=subprocess.PIPE, text=True).stdout.strip().split("=")[1]
        index, response = issued.key + ".index", issued.key + ".ocsp"
        with open(index, "w", encoding="ascii") as f:
            f.write("V\t491231235959Z\t\t%s\tunknown\t/CN=x\n" % serial)
        _openssl("ocsp", "-index", index, "-CA", self.pem, "-rsigner", self.pem, "-rkey", self._key,
                 "-issuer", self.pem, "-cert", issued.certificate, "-ndays", "1",
                 "-respout", response)
        with open(response, "rb") as f:
            der = f.read()
        if until is None:
            return der
        next_update = b"\xa0\x11\x18\x0f"
        at = der.index(next_update) + len(next_update)
        return der[:at] + until.encode() + der[at + len(until):]

    def close(self):
        self._directory.cleanup()


class TlsClient(Client):
    """One connection over TLS, which trusts `authority`; fails if the handshake does."""

    def __init__(self, port, authority, host, identity=None, session=None, configure=None):
        super().__init__(port)
        context = ssl.create_default_context(cafile=authority.pem)
        if identity is not None:
            context.load_cert_chain(identity.certificate, identity.key)
        if configure is not None:
            configure(context)
        if session is not None:
            context = session[0]
        try:
            self.socket = context.wrap_socket(
                self.socket, server_hostname=host, session=session[1] if session else None)
        except BaseException:
            self.socket.close()
            raise
        self.context = context

    @property
    def session(self):
        """To come back with: TlsClient(..., session=)."""
        return self.context, self.socket.session

    def certificate(self):
        """What the server showed."""
        return self.socket.getpeercert()


class TlsServer(Server):
    """Shows `issued`; notes of each connection the name that was asked for, whether its session was
    resumed, and the common name of the client's certificate (None: it showed none)."""

    def __init__(self, issued, serve=None, configure=None):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(issued.certificate, issued.key)
        self.context.sni_callback = lambda _, name, __: self.names.append(name)
        if configure is not None:
            configure(self.context)
        self.names, self.resumed, self.clients, self.protocols = [], [], [], []
        super().__init__(serve)

    def secure(self, accepted):
        secured = self.context.wrap_socket(accepted, server_side=True)
        self.resumed.append(secured.session_reused)
        self.protocols.append(secured.selected_alpn_protocol())
        shown = secured.getpeercert()
        self.clients.append(shown["subject"][0][0][1] if shown else None)
        return secured


def demand_certificates_of(authority):
    """For TlsServer(configure=)."""

    def configure(context):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(authority.pem)

    return configure
