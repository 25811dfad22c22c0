"""Stands in for the outside world of scripts/lib/image-checks: a name server and three targets for deliveries.

image-listener.py DIRECTORY: reads trusted.pem and untrusted.pem (certificate and key) from there and appends one JSON
line to DIRECTORY/seen for each thing that happens. Standard library only; ends with the namespace it runs in.
"""

import http.server
import json
import pathlib
import socket
import ssl
import sys
import threading

DIRECTORY = pathlib.Path(sys.argv[1])
NAME = b"\x07handler\x07offhook\x04test\x00"
LOCK = threading.Lock()


def saw(**what):
    with LOCK, open(DIRECTORY / "seen", "a", encoding="utf-8") as seen:
        seen.write(json.dumps(what) + "\n")


def serve_names():
    """Answers A of handler.offhook.test with 127.0.0.1, any other type of it with nothing, other names with NXDOMAIN."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    while True:
        query, client = server.recvfrom(512)
        end = query.index(b"\x00", 12) + 1
        question, kind = query[12 : end + 4], query[end : end + 2]
        known = query[12:end].lower() == NAME
        is_address = known and kind == b"\x00\x01"
        flags = b"\x81\x80" if known else b"\x81\x83"
        counts = b"\x00\x01" + (b"\x00\x01" if is_address else b"\x00\x00") + b"\x00\x00\x00\x00"
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x7f\x00\x00\x01" if is_address else b""
        saw(what="name", known=known)
        server.sendto(query[:2] + flags + counts + question + record, client)


class Target(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        event = json.loads(body)
        saw(what="delivery", target=self.server.target, host=self.headers["host"], type=event["type"], id=event["id"])
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """One target; the TLS handshake happens in the connection's own thread, and its failure is something seen."""

    def __init__(self, target, port):
        super().__init__(("127.0.0.1", port), Target)
        self.target = target
        self.tls = None
        if target != "plain":
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(DIRECTORY / f"{target}.pem")

    def finish_request(self, request, client_address):
        if self.tls:
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError) as error:
                saw(what="handshake", target=self.target, error=str(error))
                return
        super().finish_request(request, client_address)


def main():
    servers = [Server("plain", 8100), Server("trusted", 8101), Server("untrusted", 8102)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    saw(what="listening")
    serve_names()


main()
