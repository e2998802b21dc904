"""A chat's backend: it knows its users, decides who may say what, answers /app/**, and publishes.

    BYWAY_API_KEY=... python3 backend.py [PORT]

Port 0 takes any free one. Nothing but Python's standard library.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))
SECRET = open(os.path.join(HERE, "hooks.secret"), "rb").read().strip()
BYWAY = os.environ.get("BYWAY_URL", "http://127.0.0.1:8080")
API_KEY = os.environ.get("BYWAY_API_KEY", "byway_an-example-that-everybody-knows")

# Who may come in, by the password that their CONNECT has as passcode.
USERS = {"ada": "lovelace", "bob": "builder"}


def is_genuine(headers, body):
    """Whether Byway sent this, and not long ago."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.new(SECRET, signed, hashlib.sha256).digest())
    is_recent = abs(time.time() - int(headers.get("webhook-timestamp", 0))) < 300
    given = headers.get("webhook-signature", "").encode().split()
    return is_recent and any(hmac.compare_digest(expected, one) for one in given)


def publish(destination, body):
    message = json.dumps({"destination": destination, "body": body}).encode()
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{BYWAY}/api/publish", message, headers), timeout=5).close()


def connect(call):
    name, passcode = call["login"], call["passcode"]
    if name in USERS and hmac.compare_digest(USERS[name].encode(), (passcode or "").encode()):
        return 200, {"user": name, "claims": {"role": "admin" if name == "ada" else "guest"}, "expires_in": 3600}
    return 401, {"detail": "That name and that password do not go together"}


def send(call):
    if call["claims"]["role"] == "admin":
        return 204, None
    return 403, {"detail": "Only admins make announcements"}


def app(call):
    if call["destination"] == "/app/rooms":
        return 200, ["blue", "red"]
    if call["destination"].startswith("/app/rooms/") and call["action"] == "send":
        # What is returned is published at /topic/rooms/...
        return 200, {"from": call["user"], "text": call["body"]}
    return 404, {"detail": "There is no such thing"}


def events(call):
    for event in call["events"]:
        if event["type"] == "disconnected":
            try:
                publish("/topic/left", {"user": event["user"]})
            except OSError as error:
                # A server that stops tells who was there, and takes nothing any more. It would tell it again.
                print(f"not published: {error}", file=sys.stderr)
    return 204, None


HOOKS = {"connect": connect, "send": send, "app": app, "events": events}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer is one packet, and does not wait for the acknowledgement of another.
    wbufsize = -1

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not is_genuine(self.headers, body):
            return self.answer(400, {"detail": "The signature is wrong"})
        call = json.loads(body)
        self.answer(*HOOKS[call["type"]](call))

    def answer(self, status, answer):
        body = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Handler)
    print(f"http://127.0.0.1:{server.server_port}/byway", flush=True)
    server.serve_forever()
