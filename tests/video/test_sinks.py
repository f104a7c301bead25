"""Lines of JSON to a file and to an MQTT broker, a small one in this process."""

import socket
import struct
import threading

import pytest
from tests.limits import HANG_SECONDS

from reseen import optional_dependencies
from reseen.errors import SettingsError, StorageError
from reseen.video import sinks
from reseen.video.sinks import open_sink


class Broker:
    """An MQTT 3.1.1 broker that keeps what is published; `refusal` is the code with which it answers connections."""

    def __init__(self, refusal=0):
        self.refusal, self.messages, self.users = refusal, [], []
        self.got = threading.Condition()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        while head := stream.read(1):
            size, shift = 0, 0
            while True:
                (byte,) = stream.read(1)
                size, shift = size | (byte & 127) << shift, shift + 7
                if not byte & 128:
                    break
            body, kind = stream.read(size), head[0] >> 4
            if kind == 1:
                self.users.append(body)
                connection.sendall(bytes([0x20, 2, 0, self.refusal]))
            elif kind == 3:
                (length,) = struct.unpack(">H", body[:2])
                topic, identifier = body[2 : 2 + length].decode(), body[2 + length : 4 + length]
                with self.got:
                    self.messages.append((topic, body[4 + length :].decode()))
                    self.got.notify_all()
                connection.sendall(b"\x40\x02" + identifier)
            elif kind == 12:
                connection.sendall(b"\xd0\x00")
            elif kind == 14:
                break
        connection.close()

    def close(self):
        self.server.close()


@pytest.fixture
def broker():
    opened = Broker()
    yield opened
    opened.close()


def test_lines_are_published_in_order(broker):
    sink = open_sink(f"mqtt://me:p%40ss@127.0.0.1:{broker.port}/cameras/door")
    for number in range(50):
        sink.send(f'{{"number": {number}}}')
    sink.close()  # waits until all are confirmed
    assert broker.messages == [("cameras/door", f'{{"number": {number}}}') for number in range(50)]
    assert b"me" in broker.users[0]
    assert b"p@ss" in broker.users[0]


def test_a_broker_that_refuses_and_one_that_is_not_there():
    refusing = Broker(refusal=5)
    with pytest.raises(StorageError, match="does not accept the connection") as caught:
        open_sink(f"mqtt://me:secret@127.0.0.1:{refusing.port}/door")
    assert "secret" not in str(caught.value)
    refusing.close()
    with pytest.raises(StorageError, match=r"mqtt://127\.0\.0\.1:9/door: cannot connect"):
        open_sink("mqtt://127.0.0.1:9/door")


def test_a_broker_that_never_answers(monkeypatch):
    monkeypatch.setattr(sinks, "_TIMEOUT_SECONDS", 0.5)
    silent = socket.create_server(("127.0.0.1", 0))
    with pytest.raises(StorageError, match=r"no response within 0\.5 s"):
        open_sink(f"mqtt://127.0.0.1:{silent.getsockname()[1]}/door")
    silent.close()


def test_messages_wait_within_bounds_and_losses_are_said(broker, monkeypatch):
    monkeypatch.setattr(sinks, "_MOST_QUEUED", 5)
    sink = open_sink(f"mqtt://127.0.0.1:{broker.port}/door")

    class Unconfirmed:
        def is_published(self):
            return False

        def wait_for_publish(self, seconds):
            assert seconds <= HANG_SECONDS

    monkeypatch.setattr(sink._client, "publish", lambda *_, **__: Unconfirmed())
    for _ in range(8):
        sink.send("{}")
    assert sink.dropped == 3
    with pytest.raises(StorageError, match="8 messages did not reach the broker"):
        sink.close()


@pytest.mark.parametrize(
    "address", ["mqtt://host", "mqtt://host/", "mqtt:///door", "mqtt://host/a/#", "mqtt://host/+/b"]
)
def test_addresses_without_host_or_topic(address):
    with pytest.raises(SettingsError, match="expected host and topic"):
        open_sink(address)


def test_other_addresses(monkeypatch):
    with pytest.raises(SettingsError, match=r"kafka://\.\.\.: unknown scheme"):
        open_sink("kafka://host/topic")
    with pytest.raises(SettingsError, match="port must be a number"):
        open_sink("mqtt://host:99999/topic")

    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(optional_dependencies, "import_module", missing)
    with pytest.raises(SettingsError, match=r"pip install 'reseen\[mqtt\]'"):
        open_sink("mqtt://host/topic")


def test_a_file_grows(tmp_path):
    for number in range(2):
        sink = open_sink(str(tmp_path / "new" / "lines.jsonl"))
        sink.send(f"{number}")
        assert (tmp_path / "new" / "lines.jsonl").read_text().endswith(f"{number}\n")  # at once
        sink.close()
    assert (tmp_path / "new" / "lines.jsonl").read_text() == "0\n1\n"
    with pytest.raises(StorageError):
        open_sink(str(tmp_path / "new"))
    (tmp_path / "link").symlink_to(tmp_path / "new" / "lines.jsonl")
    with pytest.raises(StorageError, match="a link"):
        open_sink(str(tmp_path / "link"))


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    sink = open_sink(str(tmp_path / "lines.jsonl"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sinks.os, "write", full)
    with pytest.raises(StorageError, match="the disk is full"):
        sink.send("{}")


def test_standard_output(capsys):
    sink = open_sink("-")
    sink.send("{}")
    assert capsys.readouterr().out == "{}\n"
    sink.close()
