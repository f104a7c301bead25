"""Outputs for lines of JSON: standard output, a file that is appended to, or an MQTT broker."""

import os
import threading
from collections import deque
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from reseen.errors import SettingsError, StorageError
from reseen.files import make_folder, open_regular, storage_error
from reseen.optional_dependencies import require_package

_SCHEMES = {"mqtt": 1883, "mqtts": 8883}
"""Schemes of brokers, and their default ports; `mqtts` is encrypted."""

_TIMEOUT_SECONDS = 20.0
"""Timeout for the broker's response, when connecting and when closing."""

_MOST_QUEUED = 10_000
"""Maximum number of messages queued while the broker cannot be reached."""


class Sink(Protocol):
    """An output for lines of text."""

    def send(self, line: str) -> None:
        """Write one line, given without its newline.

        Raises:
            StorageError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Write queued lines, and close files and connections."""
        ...


def open_sink(address: str) -> Sink:
    """Open an output.

    Args:
        address: `-` for standard output, `mqtt://` or `mqtts://USER:PASSWORD@HOST:PORT/TOPIC`, or a file.

    Raises:
        SettingsError: the address of a broker lacks host or topic, or the package is not installed.
        StorageError: the file cannot be written, or the broker does not respond or refuses the connection.
    """
    if address == "-":
        return StandardOutput()
    if "://" in address:
        return MqttSink(address)
    return FileSink(Path(address).expanduser())


class StandardOutput:
    """Writes lines to standard output, flushed after each."""

    def send(self, line: str) -> None:
        """Print a line."""
        print(line, flush=True)

    def close(self) -> None:
        """Do nothing."""


class FileSink:
    """Appends lines to a file, synced after each, so that other programs can follow it."""

    def __init__(self, path: Path) -> None:
        """Open a file for appending.

        Raises:
            StorageError: it cannot be written, or is a link or a device.
        """
        make_folder(path.absolute().parent)
        self._path = path
        self._file = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, line: str) -> None:
        """Append a line.

        Raises:
            StorageError: the disk is full, or another I/O error occurs.
        """
        try:
            rest = memoryview(f"{line}\n".encode())
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError as error:
            raise storage_error(self._path, error) from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class MqttSink:
    """Publishes lines to a topic of an MQTT broker (version 3.1.1, at least once), by the package `paho-mqtt`.

    While the broker cannot be reached, up to 10,000 messages are queued in memory; more are dropped and counted.
    """

    def __init__(self, address: str) -> None:
        """Connect to the broker.

        Raises:
            SettingsError: the address lacks host or topic, or the package is not installed.
            StorageError: the broker does not respond, or refuses the connection.
        """
        host, port, topic, parts = _broker(address)
        self._topic, self._shown = topic, f"{parts.scheme}://{host}:{port}/{topic}"
        self.dropped = 0
        """Number of dropped messages."""
        self._queued: deque[Any] = deque()
        mqtt: Any = require_package("paho.mqtt.client", "mqtt")
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(_MOST_QUEUED)
        if parts.username is not None:
            self._client.username_pw_set(
                unquote(parts.username), None if parts.password is None else unquote(parts.password)
            )
        if parts.scheme == "mqtts":
            self._client.tls_set()
        responded, refusals = threading.Event(), []

        def on_connect(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                refusals.append(str(reason))
            responded.set()

        self._client.on_connect = on_connect
        try:
            self._client.connect(host, port)
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._shown}: cannot connect ({error})") from None
        self._client.loop_start()
        if not responded.wait(_TIMEOUT_SECONDS) or refusals:
            self._stop()
            reason = refusals[0] if refusals else f"no response within {_TIMEOUT_SECONDS:g} s"
            raise StorageError(f"{self._shown}: the broker does not accept the connection ({reason})")

    def send(self, line: str) -> None:
        """Publish a line in the background."""
        while self._queued and self._queued[0].is_published():
            self._queued.popleft()
        if len(self._queued) >= _MOST_QUEUED:
            self.dropped += 1
            return
        self._queued.append(self._client.publish(self._topic, line, qos=1))

    def close(self) -> None:
        """Wait until the broker has confirmed all messages, then disconnect.

        Raises:
            StorageError: messages were not confirmed in time, or were dropped.
        """
        for message in self._queued:
            message.wait_for_publish(_TIMEOUT_SECONDS)
            if not message.is_published():
                break
        lost = self.dropped + sum(not message.is_published() for message in self._queued)
        self._stop()
        if lost:
            raise StorageError(f"{self._shown}: {lost:,} messages did not reach the broker")

    def _stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _broker(address: str) -> tuple[str, int, str, Any]:
    scheme = address.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise SettingsError(f"{scheme}://...: unknown scheme; give -, a file, or mqtt://HOST:1883/TOPIC")
    parts = urlsplit(address)
    try:
        port = parts.port or _SCHEMES[scheme]
    except ValueError:
        raise SettingsError(f"{scheme}://...: the port must be a number from 1 to 65535") from None
    topic = unquote(parts.path.strip("/"))
    if not parts.hostname or not topic or "+" in topic or {"#", "?"} & set(address):
        raise SettingsError(
            f"{scheme}://...: expected host and topic, as in {scheme}://HOST:{_SCHEMES[scheme]}/cameras/door, without "
            "+, # and ? in the topic"
        )
    return parts.hostname, port, topic, parts
