"""How each kind of channel is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import smtplib
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from syncd.config.notifications import Channel, Email, Hook, Ping, Slack, checked_url
from syncd.config.service import read_secret
from syncd.log import redact
from syncd.notify.message import Message
from syncd.notify.outbound import LIMIT_S, Outbound, Undelivered, is_loopback, limited

Wait = Callable[[float], object]
"""Let so many seconds pass."""

TRIES = 3
_PAUSES_S = (1.0, 4.0)


class Sender:
    """Sends what is to be sent, trying a few times.

    Args:
        base: where relative paths of secrets begin.
    """

    def __init__(self, outbound: Outbound, base: Path, *, wait: Wait) -> None:
        self._outbound = outbound
        self._base = base
        self._wait = wait

    def tell(self, channel: Channel, message: Message) -> None:
        """Send a message.

        Raises:
            ConfigError: a secret cannot be read.
            Undelivered: nobody took it.
        """
        match channel:
            case Slack():
                body = json.dumps({"text": _escaped(message.text)}).encode()
                self._post(self._url(channel), body, {})
            case Hook():
                body = json.dumps(message.document).encode()
                secret = channel.signing_secret(self._base)
                redact.add(secret)
                self._post(self._url(channel), body, signature(secret, body, at=message.at))
            case Email():
                password = self._password(channel)
                self._again(lambda: self._mail(channel, password, message))

    def ping(self, channel: Ping, *, well: bool) -> None:
        """Tell a dead man's switch that a run ended. Raises as `tell` does."""
        url = self._url(channel)
        if not well:
            before, mark, query = url.partition("?")
            url = f"{before.rstrip('/')}/fail{mark}{query}"
        self._again(lambda: _accepted(self._outbound.request("GET", url, None, {})))

    def _url(self, channel: Slack | Hook | Ping) -> str:
        url = checked_url(channel, self._base)
        redact.add(url)
        return url

    def _post(self, url: str, body: bytes, headers: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json", **headers}
        self._again(lambda: _accepted(self._outbound.request("POST", url, body, headers)))

    def _again(self, send: Callable[[], None]) -> None:
        for pause_s in _PAUSES_S:
            try:
                return send()
            except Undelivered as error:
                if not error.passing:
                    raise
            self._wait(pause_s)
        return send()

    def _password(self, channel: Email) -> str | None:
        if channel.username is None:
            return None
        setting = f"notifications: the password of {channel.name}"
        password = read_secret(channel.password, channel.password_file, self._base, setting, least=1)
        redact.add(password)
        return password

    def _mail(self, channel: Email, password: str | None, message: Message) -> None:
        mail = EmailMessage()
        mail["Subject"] = message.subject
        mail["From"], mail["To"] = channel.sender, ", ".join(channel.to)
        mail["Date"] = format_datetime(datetime.fromtimestamp(message.at, UTC))
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text + "\n")
        connected = self._outbound.connect(channel.host, channel.port)
        try:
            if channel.security == "none" and not is_loopback(connected):
                raise Undelivered("without starttls or tls, only a mail server of this machine is told")
            with limited(connected), _Server(connected, channel) as server:
                if channel.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if channel.username is not None and password is not None:
                    server.login(channel.username, password)
                server.send_message(mail)
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError) as error:
            raise Undelivered("the mail server refused the login, or knows no such encryption") from error
        except smtplib.SMTPResponseException as error:
            raise Undelivered(
                f"the mail server answered {error.smtp_code}", passing=error.smtp_code < 500
            ) from error
        except smtplib.SMTPRecipientsRefused as error:
            raise Undelivered("the mail server takes none of the recipients") from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Undelivered(
                f"no answer of the mail server: {type(error).__name__}", passing=True
            ) from error
        finally:
            connected.close()


class _Server(smtplib.SMTP):
    """A mail server at the other end of a connection that was made already, to a checked address."""

    def __init__(self, connected: socket.socket, channel: Email) -> None:
        self._connected = connected
        self._security = channel.security
        super().__init__(channel.host, channel.port, timeout=LIMIT_S)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        if self._security == "tls":
            return ssl.create_default_context().wrap_socket(self._connected, server_hostname=host)
        return self._connected


def signature(secret: str, body: bytes, *, at: float) -> dict[str, str]:
    """The headers that prove a message, as Standard Webhooks say: of its id, its time and its body."""
    stamp = str(int(at))
    # The same for each try, so that the other side knows it again.
    name = "msg_" + hashlib.sha256(stamp.encode() + body).hexdigest()[:32]
    key = secret.encode()
    if secret.startswith("whsec_"):
        key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": stamp,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def _accepted(status: int) -> None:
    if not 200 <= status < 300:
        raise Undelivered(f"it answered {status}", passing=status == 429 or status >= 500)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
