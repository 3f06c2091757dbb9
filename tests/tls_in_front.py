"""TLS in front of a server that has none: as PostgreSQL's protocol asks for it (an SSLRequest, then a handshake), or at once.

PostgreSQL's connections that don't ask for TLS are passed on as they are, and counted.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")  # PostgreSQL's protocol, "Message Formats"


@dataclass
class TlsInFront:
    """A listening port. ``encrypted`` says of each connection that came through whether it was."""

    port: int
    certificate_file: Path
    encrypted: list[bool] = field(default_factory=list)


@contextlib.contextmanager
def tls_in_front(server: tuple[str, int], directory: Path, name: str, *, at_once: bool = False) -> Iterator[TlsInFront]:
    """A front of ``server`` with a certificate of its own for ``name``, an IP address or a host name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate_file = _self_signed(directory, name)
    context.load_cert_chain(certificate_file)

    class Session(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), socket.create_connection(server) as behind:
                _serve(self.request, behind, context, front, at_once)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as listening:
        listening.daemon_threads = True
        front = TlsInFront(listening.server_address[1], certificate_file)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield front
        finally:
            listening.shutdown()
            thread.join()


def _serve(
    client: socket.socket, behind: socket.socket, context: ssl.SSLContext, front: TlsInFront, at_once: bool
) -> None:
    first = b"" if at_once else client.recv(8, socket.MSG_WAITALL)
    encrypted = at_once or first == SSL_REQUEST
    if encrypted:
        if not at_once:
            client.sendall(b"S")
        client = context.wrap_socket(client, server_side=True)
    else:
        behind.sendall(first)
    front.encrypted.append(encrypted)
    with client:
        back = threading.Thread(target=_pump, args=(behind, client), daemon=True)
        back.start()
        _pump(client, behind)
        back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _self_signed(directory: Path, name: str) -> Path:
    """A PEM file with a new key and its certificate, which is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / "front.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
