"""stomp.py over WebSockets, against a running server.

    BYWAY=path/to/byway python stomp_python.py
"""

import os
import pathlib
import queue
import re
import subprocess
import sys
import unittest
from urllib.parse import urlsplit

import stomp

BYWAY = os.environ["BYWAY"]
CONFIG = str(pathlib.Path(__file__).parent / "stomp" / "byway.toml")
LIMIT_S = 20
# What is meant for the tests would be a setting that the server does not know.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("BYWAY")}


def token(subject, ttl="1h"):
    command = [BYWAY, "token", "--config", CONFIG, "--subject", subject, "--ttl", ttl]
    return subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True).stdout.strip()


class Server:
    def __init__(self):
        command = [BYWAY, "--config", CONFIG, "--listen", "127.0.0.1:0", "--drain-timeout", "2s"]
        self.process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in self.process.stdout:
            if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
                self.address = urlsplit(found.group().decode())
                return
        raise RuntimeError("the server did not start")

    def stop(self):
        self.process.terminate()
        self.process.communicate(timeout=LIMIT_S)


class Session(stomp.ConnectionListener):
    """One connection; what comes is kept by its kind, in the order in which it comes."""

    def __init__(self, server, bearer, **settings):
        self.kept = {}
        host_and_port = (server.address.hostname, server.address.port)
        self.connection = stomp.WSStompConnection([host_and_port], ws_path="/stomp", reconnect_attempts_max=1, **settings)
        self.connection.set_listener("", self)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        self.connection.connect(headers=headers)

    def of(self, kind):
        return self.kept.setdefault(kind, queue.Queue())

    def next(self, kind, limit=LIMIT_S):
        return self.of(kind).get(timeout=limit)

    def on_connected(self, frame):
        self.of("connected").put(frame)

    def on_message(self, frame):
        self.of("message").put(frame)

    def on_receipt(self, frame):
        self.of("receipt").put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.of("error").put(frame)

    def on_heartbeat(self):
        self.of("heartbeat").put(True)

    def on_disconnected(self):
        self.of("disconnected").put(True)


class StompPy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.token = token("ada")

    def enter(self, **settings):
        session = Session(self.server, self.token, **settings)
        session.greeting = session.next("connected")
        return session

    def with_receipt(self, session, act):
        act(receipt=self.id())
        self.assertEqual(session.next("receipt"), self.id())

    def subscribe(self, session, destination, ack="auto"):
        self.with_receipt(session, lambda receipt: session.connection.subscribe(destination, "1", ack, receipt=receipt))

    def send(self, session, destination, body, **headers):
        self.with_receipt(session, lambda receipt: session.connection.send(destination, body, receipt=receipt, **headers))

    def leave(self, session):
        self.with_receipt(session, lambda receipt: session.connection.disconnect(receipt))

    def test_a_token_lets_its_user_in(self):
        session = self.enter()
        self.assertEqual(session.greeting.headers["user-name"], "ada")
        self.assertEqual(session.greeting.headers["version"], "1.2")
        self.leave(session)

    def test_without_a_token_nobody_comes_in(self):
        session = Session(self.server, None)
        error = session.next("error")
        self.assertEqual((error.headers["message"], error.body), ("Authentication failed", "there is no token."))
        session.next("disconnected")

    def test_a_token_that_has_expired_lets_nobody_in(self):
        session = Session(self.server, token("ada", "0s"))
        self.assertEqual(session.next("error").headers["message"], "Token expired")
        session.next("disconnected")

    def test_what_is_sent_arrives_unchanged_with_its_headers(self):
        session = self.enter()
        self.subscribe(session, "/topic/python/text")
        body = "colon: newline\n quote\" \\ Grüße 漢字 🚀 \u2028"
        self.send(session, "/topic/python/text", body, headers={"path": "C:\\temp", "lines": "a\nb:c"})
        message = session.next("message")
        self.assertEqual(message.body, body)
        self.assertEqual((message.headers["path"], message.headers["lines"]), ("C:\\temp", "a\nb:c"))
        self.leave(session)

    def test_a_megabyte_arrives_in_text_and_in_binary_messages(self):
        for binary in (False, True):
            session = self.enter(binary_mode=binary)
            self.subscribe(session, "/topic/python/long")
            body = "0123456789abcdé\n" * 65536
            self.send(session, "/topic/python/long", body)
            self.assertTrue(session.next("message").body == body)
            self.leave(session)

    def test_what_is_acknowledged_is_done_with_and_what_is_refused_comes_again(self):
        session = self.enter()
        self.subscribe(session, "/queue/python", "client-individual")
        for body in ("kept", "refused"):
            self.send(session, "/queue/python", body)
        first, second = session.next("message"), session.next("message")
        self.with_receipt(session, lambda receipt: session.connection.nack(second.headers["ack"], receipt=receipt))
        again = session.next("message")
        self.assertEqual((again.body, again.headers["delivery-count"]), ("refused", "2"))
        self.with_receipt(session, lambda receipt: session.connection.ack(again.headers["ack"], receipt=receipt))
        self.leave(session)
        other = self.enter()
        self.subscribe(other, "/queue/python")
        message = other.next("message")
        self.assertEqual(message.body, "kept")
        self.assertNotEqual(message.headers["message-id"], first.headers["message-id"])
        self.send(other, "/queue/python", "last")
        self.assertEqual(other.next("message").body, "last")
        self.leave(other)

    def test_a_transaction_is_carried_out_when_it_is_committed(self):
        session = self.enter()
        self.subscribe(session, "/topic/python/transaction")
        transaction = session.connection.begin()
        self.send(session, "/topic/python/transaction", "in it", transaction=transaction)
        self.send(session, "/topic/python/transaction", "outside")
        session.connection.commit(transaction)
        self.assertEqual([session.next("message").body for _ in range(2)], ["outside", "in it"])
        self.leave(session)

    def test_heartbeats_keep_a_session_and_so_does_what_answers_pings(self):
        session = self.enter(heartbeats=(1000, 1000))
        for _ in range(2):
            session.next("heartbeat")
        self.assertTrue(session.connection.is_connected())
        session.connection.transport.send = lambda frame: None
        # Longer than three intervals and a quarter: its WebSocket still shows that it lives.
        for _ in range(5):
            session.next("heartbeat")
        self.assertTrue(session.connection.is_connected() and session.of("error").empty())

    def test_a_subscription_that_is_denied_ends_the_session(self):
        session = self.enter()
        session.connection.subscribe("/topic/secret/plans", "1", receipt="wanted")
        headers = session.next("error").headers
        self.assertEqual((headers["message"], headers["receipt-id"]), ("Forbidden: SUBSCRIBE /topic/secret/plans", "wanted"))
        session.next("disconnected")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"stomp.py: {max(result.testsRun, failed)} cases, {failed} failed")
    sys.exit(failed > 0)
