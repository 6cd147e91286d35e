"""An API server in this process's memory, behind the client that the real `Cluster` uses."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from kubernetes.client import ApiException

from tunewright.training.job_cluster import Cluster

Object = dict[str, Any]


class Api:
    """Keeps what is made; ``pods`` says what the controllers would have made of it, by default of the last Job."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.kinds = {"jobs", "pods", "events"}
        self.pods: Callable[[], list[Object]] = list
        self.answers: list[ApiException] = []  #: to the next requests to make something
        self.deleted: list[str] = []
        self._uids = itertools.count(1)

    def call_api(
        self,
        path: str,
        method: str,
        body: Object | None = None,
        query_params: Sequence[tuple[str, str]] = (),
        **_: Any,
    ) -> Any:
        data = json.dumps(self._answer(path, method, body, dict(query_params))).encode()
        return SimpleNamespace(data=data)

    def _answer(self, path: str, method: str, body: Object | None, query: dict[str, str]) -> Object:
        *_, above, last = path.split("/")
        kind = last if last in self.kinds else above
        if kind not in self.kinds:
            raise refusal(404, "the server could not find the requested resource")
        if method == "POST":
            return self._make(path, body or {})
        if method == "DELETE":
            self.objects.pop(path, None)
            self.deleted.append(path)
            return {}
        if kind != last:
            return self._get(path)
        wanted = {tuple(label.split("=")) for label in query.get("labelSelector", "").split(",") if label}
        below = [made for place, made in self.objects.items() if place.startswith(f"{path}/")]
        found = [made for made in below if wanted <= made["metadata"].get("labels", {}).items()]
        return {"items": [self._owned(pod) for pod in self.pods()] if kind == "pods" else found}

    def _owned(self, pod: Object) -> Object:
        jobs = [made["metadata"]["uid"] for place, made in self.objects.items() if "/jobs/" in place]
        owners = [{"kind": "Job", "uid": uid} for uid in jobs[-1:]]
        return {**pod, "metadata": {"ownerReferences": owners, **pod["metadata"]}}

    def _make(self, path: str, body: Object) -> Object:
        if self.answers:
            raise self.answers.pop(0)
        place = f"{path}/{body['metadata']['name']}"
        if place in self.objects:
            raise refusal(409, "it is there", "AlreadyExists")
        self.objects[place] = {**body, "metadata": {**body["metadata"], "uid": str(next(self._uids))}, "status": {}}
        return self.objects[place]

    def _get(self, path: str) -> Object:
        if path not in self.objects:
            raise refusal(404, "not found")
        return self.objects[path]


class FakeCluster(Cluster):
    """A namespace of such a server."""

    def __init__(self) -> None:
        self.namespace = "tuning"
        self.api = self._api = Api()
        self._allowed = set()


def refusal(status: int, message: str, reason: str = "") -> ApiException:
    error = ApiException(status=status, reason=message)
    error.body = json.dumps({"message": message, "reason": reason})
    return error
