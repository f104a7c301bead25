"""Where lines of JSON go: standard output, a file that grows, or an MQTT broker."""

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
"""Schemes of brokers, and their usual ports; `mqtts` is encrypted."""

_ANSWER_SECONDS = 20.0
"""Seconds that a broker has to answer, at the beginning and at the end."""

_MOST_WAITING = 10_000
"""Messages that wait for a broker that cannot be reached."""


class Sink(Protocol):
    """Takes lines of text."""

    def send(self, line: str) -> None:
        """Hand on one line, without its end.

        Raises:
            StorageError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Hand on what is still waiting, and release files and connections."""
        ...


def open_sink(address: str) -> Sink:
    """The sink at an address: `-` for standard output, `mqtt://` or `mqtts://USER:PASSWORD@HOST:PORT/TOPIC`, or a file.

    Raises:
        SettingsError: the address of a broker lacks host or topic, or the package is not installed.
        StorageError: the file cannot be written, or the broker does not answer or refuses.
    """
    if address == "-":
        return StandardOutput()
    if "://" in address:
        return MqttSink(address)
    return FileSink(Path(address).expanduser())


class StandardOutput:
    """Lines on standard output, each at once."""

    def send(self, line: str) -> None:
        """Print a line."""
        print(line, flush=True)

    def close(self) -> None:
        """Nothing waits."""


class FileSink:
    """Lines at the end of a file, each synced, so that other programs can follow it."""

    def __init__(self, path: Path) -> None:
        """Open a file, which may have lines.

        Raises:
            StorageError: it cannot be written, or is a link or a device.
        """
        make_folder(path.absolute().parent)
        self._path = path
        self._file = open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def send(self, line: str) -> None:
        """Write a line.

        Raises:
            StorageError: the disk is full.
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
    """Messages to a topic of an MQTT broker (version 3.1.1, at least once), by the package `paho-mqtt`.

    While the broker is away, up to 10,000 messages wait in memory; further ones are dropped and counted.
    """

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            SettingsError: the address lacks host or topic, or the package is not installed.
            StorageError: the broker does not answer, or refuses.
        """
        host, port, topic, parts = _broker(address)
        self._topic, self._shown = topic, f"{parts.scheme}://{host}:{port}/{topic}"
        self.dropped = 0
        """Messages that were dropped."""
        self._waiting: deque[Any] = deque()
        mqtt: Any = require_package("paho.mqtt.client", "mqtt")
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(_MOST_WAITING)
        if parts.username is not None:
            self._client.username_pw_set(
                unquote(parts.username), None if parts.password is None else unquote(parts.password)
            )
        if parts.scheme == "mqtts":
            self._client.tls_set()
        answered, refused = threading.Event(), []

        def connected(_client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
            if reason.is_failure:
                refused.append(str(reason))
            answered.set()

        self._client.on_connect = connected
        try:
            self._client.connect(host, port)
        except (OSError, ValueError) as error:
            raise StorageError(f"{self._shown}: cannot be connected to ({error})") from None
        self._client.loop_start()
        if not answered.wait(_ANSWER_SECONDS) or refused:
            self._stop()
            reason = refused[0] if refused else f"no answer within {_ANSWER_SECONDS:g} s"
            raise StorageError(f"{self._shown}: the broker does not accept the connection ({reason})")

    def send(self, line: str) -> None:
        """Publish a message; it is sent in the background."""
        while self._waiting and self._waiting[0].is_published():
            self._waiting.popleft()
        if len(self._waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        self._waiting.append(self._client.publish(self._topic, line, qos=1))

    def close(self) -> None:
        """Wait for the broker to confirm what was sent, then disconnect.

        Raises:
            StorageError: messages were not confirmed in time, or had been dropped.
        """
        for message in self._waiting:
            message.wait_for_publish(_ANSWER_SECONDS)
            if not message.is_published():
                break
        lost = self.dropped + sum(not message.is_published() for message in self._waiting)
        self._stop()
        if lost:
            raise StorageError(f"{self._shown}: {lost:,} messages did not reach the broker")

    def _stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _broker(address: str) -> tuple[str, int, str, Any]:
    scheme = address.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise SettingsError(
            f"{scheme}://...: unknown kind of address; give -, a file, or mqtt://HOST:1883/TOPIC"
        )
    parts = urlsplit(address)
    try:
        port = parts.port or _SCHEMES[scheme]
    except ValueError:
        raise SettingsError(f"{scheme}://...: its port is no number from 1 to 65535") from None
    topic = unquote(parts.path.strip("/"))
    if not parts.hostname or not topic or "+" in topic or {"#", "?"} & set(address):
        raise SettingsError(
            f"{scheme}://...: expected host and topic, as in {scheme}://HOST:{_SCHEMES[scheme]}/cameras/door, without "
            "+, # and ? in the topic"
        )
    return parts.hostname, port, topic, parts
