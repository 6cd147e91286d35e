"""Jobs and their pods through the official client, as plain data; its errors as ours.

Needs these rights in the namespace: jobs (and trainjobs, trainingruntimes) create, get, list, delete; pods get, list; pods/log get; events list.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ..errors import InputError, TransientError, TunewrightError

TIMEOUT: Final = (5.0, 30.0)  #: seconds to connect, and between two bytes
LOG_TIMEOUT: Final = (5.0, 300.0)  #: of a log that is followed; a silent trial is asked again
RETRIED: Final = (408, 409, 429, 500, 502, 503, 504)
NAMESPACE_FILE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

Object = dict[str, Any]


class Absent(TunewrightError):  # noqa: N818 - like the store's answers
    """The API has no such object."""


class Taken(TunewrightError):  # noqa: N818
    """There is an object of this name."""


class Cluster:
    """One namespace of a Kubernetes.

    Every verb raises InputError (refused) and TransientError (no answer, or not now) besides what it names.

    Args:
        namespace: where Jobs are made.
        kubeconfig: a file to log in with; None takes the token of the pod that this runs in.
    """

    def __init__(self, namespace: str, kubeconfig: str | None = None) -> None:
        from kubernetes import client, config

        self.namespace = namespace
        self._allowed: set[tuple[str, ...]] = set()  #: what has been answered: verb, kind, and of one object its part
        settings = client.Configuration()
        if kubeconfig is None:
            try:
                config.load_incluster_config(settings)
            except config.ConfigException as error:
                raise InputError(
                    f"the step must have a service account's token to make Jobs with, got: {error}; install manifests/base or give it one"
                ) from error
        else:
            config.load_kube_config(kubeconfig, client_configuration=settings)
        self._api = client.ApiClient(settings)
        self._api.rest_client.pool_manager.connection_pool_kw["ssl_context"] = _trust(settings)

    def create(self, path: str, body: Mapping[str, Any]) -> Object:
        """Make an object below ``path``. Raises Taken."""
        try:
            return self._call("POST", path, body=body)
        except Absent as error:
            raise _unknown(f"{body['kind']}s", error) from error

    def get(self, path: str, **query: str) -> Object:
        """An object, or a list of objects. Raises Absent."""
        return self._call("GET", path, query=query)

    def delete(self, path: str) -> None:
        """Delete an object and what it owns; nothing happens when it is gone."""
        try:
            self._call("DELETE", path, query={"propagationPolicy": "Background"})
        except Absent:
            return

    def items(self, path: str, **query: str) -> list[Object]:
        """The objects of a list."""
        try:
            found: list[Object] = self.get(path, **query)["items"]
        except Absent as error:  # the kind: a list without objects is there
            raise _unknown(path.rsplit("/", 1)[1], error) from error
        return found

    def log(self, pod: str, container: str) -> Iterator[bytes]:
        """What a container prints, from its first byte on, until it ends or is silent for long. Raises Absent."""
        path = f"{self.pods}/{pod}/log"
        with self._translated("GET", path):
            response = self._request("GET", path, {"container": container, "follow": "true"}, None, LOG_TIMEOUT)
            try:
                yield from response.stream(2**16, decode_content=False)
            finally:
                response.close()

    @property
    def jobs(self) -> str:
        """Path of the namespace's Jobs."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs"

    def trainer(self, kind: str) -> str:
        """Path of the namespace's objects of Kubeflow Trainer, e.g. trainjobs."""
        return f"/apis/trainer.kubeflow.org/v1alpha1/namespaces/{self.namespace}/{kind}"

    @property
    def pods(self) -> str:
        """Path of the namespace's pods."""
        return f"/api/v1/namespaces/{self.namespace}/pods"

    @property
    def events(self) -> str:
        """Path of the namespace's events."""
        return f"/api/v1/namespaces/{self.namespace}/events"

    def _call(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Object:
        with self._translated(method, path):
            response = self._request(method, path, query or {}, body, TIMEOUT)
            found: Object = json.loads(response.data)
            return found

    @contextmanager
    def _translated(self, method: str, path: str) -> Iterator[None]:
        """The client's errors as ours. A right that was there before is not taken for missing: an API server that restarts refuses everybody
        until it has read its roles."""
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        _, kind, *one = path.partition("/namespaces/")[2].split("/")
        asked = (method, kind, *("one" if place == 0 else part for place, part in enumerate(one)))
        try:
            yield
        except ApiException as error:
            raise _error(error.status, error.reason, error.body, allowed=asked in self._allowed) from error
        except HTTPError as error:
            raise TransientError(f"the Kubernetes API must answer, but: {error}; try again") from error
        self._allowed.add(asked)

    def _request(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None, timeout: Any
    ) -> Any:
        response: Any = self._api.call_api(
            path,
            method,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
            _preload_content=False,
            _return_http_data_only=True,
            _request_timeout=timeout,
        )
        return response


def _trust(settings: Any) -> ssl.SSLContext:
    """Trusts the cluster's own authority. Python 3.13 asks it for extensions that many clusters' authorities were made without."""
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file)
    return context


def own_namespace() -> str:
    """The namespace of the pod that this runs in. Raises InputError outside of one."""
    try:
        return NAMESPACE_FILE.read_text().strip()
    except OSError as error:
        raise InputError(
            f"the step must run in a pod with a service account's token to make Jobs, got {error.strerror} for {error.filename}; "
            "install manifests/base"
        ) from error


def _unknown(kind: str, error: Absent) -> InputError:
    return InputError(f"the cluster must know {kind} to make one, got: {error}; install what serves them")


def _error(status: int, reason: str, body: str | bytes | None, *, allowed: bool = False) -> TunewrightError:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        answer = {}
    message = answer.get("message", reason)
    if status == 404:
        return Absent(message)
    if status == 409 and answer.get("reason") == "AlreadyExists":
        return Taken(message)
    withdrawn = allowed and (status == 401 or (status == 403 and "cannot " in message))
    if status in RETRIED or withdrawn or (status == 403 and "exceeded quota" in message):
        return TransientError(f"the Kubernetes API answered {status}: {message}; try again")
    unbound = status == 401 or (status == 403 and "cannot " in message)
    remedy = (
        "bind role tunewright-jobs to the step's service account" if unbound else "change the study, or what refuses it"
    )
    return InputError(f"the Kubernetes API refused with {status}: {message}; {remedy}")
