"""A namespace of a Kubernetes, reached through kubectl, which knows every way to log in."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tunewright.errors import InputError, TransientError

UNREACHABLE: Final = (
    "connection refused",
    "was refused - did you specify",
    "Unable to connect to the server",
    "context deadline exceeded",
    "etcdserver",
    "i/o timeout",
    "no such host",
    "TLS handshake timeout",
    "ServiceUnavailable",
)
TIMEOUT_SECONDS: Final = 60.0


class NameTakenError(InputError):
    """There is an object of this name."""


@dataclass(frozen=True, kw_only=True)
class Namespace:
    """Where workflows are created.

    Every verb raises InputError (kubectl is missing or refuses) and TransientError (no answer from the cluster).
    """

    name: str = "tunewright"
    context: str | None = None  #: of the kubeconfig; None takes the current one

    def create(self, document: Mapping[str, Any]) -> None:
        """Create an object. Raises NameTakenError."""
        self.kubectl("create", "--filename", "-", document=document)

    def apply(self, document: Mapping[str, Any]) -> None:
        """Create an object, or change the one of this name."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename", "-", document=document)

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """An object as plain data."""
        found: dict[str, Any] = json.loads(self.kubectl("get", kind, name, "--output", "json"))
        return found

    def find(self, kind: str, name: str) -> dict[str, Any] | None:
        """The same, None when there is none."""
        answer = self.kubectl("get", kind, name, "--ignore-not-found", "--output", "json")
        return json.loads(answer) if answer.strip() else None

    def select(self, kind: str, selector: str) -> list[dict[str, Any]]:
        """Objects that have these labels."""
        answer = self.kubectl("get", kind, "--selector", selector, "--output", "json")
        found: list[dict[str, Any]] = json.loads(answer)["items"]
        return found

    def kubectl(self, *arguments: str, document: Mapping[str, Any] | None = None) -> str:
        """What kubectl prints."""
        given = json.dumps(document) if document is not None else None
        try:
            done = subprocess.run(
                self.command(*arguments),
                input=given,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except FileNotFoundError:
            raise no_kubectl() from None
        except subprocess.TimeoutExpired as error:
            raise TransientError(
                f"kubectl must answer within {TIMEOUT_SECONDS:.0f} s, but did not; try again"
            ) from error
        if done.returncode:
            raise _error(done.stderr.strip() or f"kubectl ended with {done.returncode}")
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """The command line of a kubectl call."""
        context = ["--context", self.context] if self.context else []
        return ["kubectl", "--namespace", self.name, *context, *arguments]


def no_kubectl() -> InputError:
    """What is said where there is no kubectl."""
    return InputError("kubectl must be on PATH, but there is none; install it")


def _error(message: str) -> InputError | TransientError:
    if "AlreadyExists" in message:
        return NameTakenError(message)
    if any(sign in message for sign in UNREACHABLE):
        told = [line for line in message.splitlines() if "memcache.go:" not in line] or [message]
        words = told[-1].partition("; if you choose to ignore")[0]  # kubectl's advice is for documents that are wrong
        return TransientError(f"the cluster must answer, but: {words}; check KUBECONFIG or --context, then try again")
    return InputError(f"the cluster refused: {message}")
