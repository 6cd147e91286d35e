"""Keys and formats: the only place that knows how state is laid out in a store.

::

    study.json                            create-once
    head.json                             compare-and-swap
    rounds/00012/plan.json                create-once
    rounds/00012/sealed.json              create-once: every result of the round in one object
    rounds/00012/surrogate.json           create-once: what update-surrogate did
    rounds/00012/policy.json              create-once: what update-policy did
    trials/<id>/result.json               create-once, terminal
    trials/<id>/attempts/1/start.json     create-once: the lease
    trials/<id>/attempts/1/alive.json     heartbeat
    trials/<id>/attempts/1/given-back.json  create-once: it ended without training
    trials/<id>/attempts/1/lost.json      create-once: something outside ended it
    trials/<id>/attempts/1/outcome.json   create-once: how training ended
    trials/<id>/attempts/1/checkpoint.json  names the files of the newest checkpoint
    trials/<id>/attempts/1/pod/…          between the pod of a Job and who waits for it: metrics.json, metrics.jsonl, ended.json, saved.json
    trials/<id>/attempts/1/score/…        the same for the Job that scores its model, and log.txt of what scored it, wherever it ran
    trials/<id>/attempts/1/score/lost-1.json  create-once: the scoring was lost or refused, for the first time
    trials/<id>/attempts/1/log.txt, metrics.jsonl, model/…, checkpoint/<digest>
    blobs/sha256/<digest>                 weights of policy and surrogate
    sessions/<id>/session.json            create-once
    sessions/<id>/report/index.html
    champion.json                         compare-and-swap

Documents are JSON with ``kind``, ``schema_version`` and ``sha256`` over all the rest, so that a flipped bit is found.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from pydantic import ValidationError

from ..errors import AlreadyExists, ArtifactCorrupt, InputError, NotFound, SchemaUnknown
from ..trial import Document, plain
from .port import Entry, Store, Stored

D = TypeVar("D", bound=Document)

KEY = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._=@+-]{1,255}(?:/[A-Za-z0-9._=@+-]{1,255})*")
SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
TRIAL = re.compile(r"[0-9a-f]{16}")
DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_KEY = 512  #: and 255 for a segment: the longest name of a file
POD, SCORE = "pod", "score"  #: folders of an attempt
READERS = 8  #: threads of one bulk read

STUDY = "study.json"
HEAD = "head.json"
CHAMPION = "champion.json"


def check_key(key: str) -> str:
    """The key itself. Raises InputError unless it is relative, without ``..``, of plain characters and short enough."""
    if len(key) > MAX_KEY or not KEY.fullmatch(key):
        raise InputError(
            f"a key must be relative path segments of letters, digits and ._=@+- without '..', at most {MAX_KEY} long "
            f"and 255 a segment, got {key[:80]!r} of {len(key)} characters"
        )
    return key


def begins_keys(prefix: str) -> bool:
    """Whether there can be a key with this prefix; ``../`` begins none."""
    folder = prefix.rpartition("/")[0]
    return not folder or KEY.fullmatch(folder) is not None


def plan(round_: int) -> str:
    return f"rounds/{round_:05d}/plan.json"


def sealed(round_: int) -> str:
    return f"rounds/{round_:05d}/sealed.json"


def surrogate(round_: int) -> str:
    return f"rounds/{round_:05d}/surrogate.json"


def policy(round_: int) -> str:
    return f"rounds/{round_:05d}/policy.json"


def result(trial: str) -> str:
    return f"trials/{_match(TRIAL, trial, 'trial id')}/result.json"


def attempts(trial: str) -> str:
    return f"trials/{_match(TRIAL, trial, 'trial id')}/attempts/"


def attempt(trial: str, number: int, name: str) -> str:
    """Key of a file of one attempt, e.g. ``start.json`` or ``model/fold-0.ubj``."""
    return check_key(f"{attempts(trial)}{number}/{name}")


def score_lost(trial: str, number: int, times: int) -> str:
    return attempt(trial, number, f"{SCORE}/lost-{times}.json")


def blob(digest: str) -> str:
    return f"blobs/sha256/{_match(DIGEST, digest, 'digest')}"


def session_id(text: str) -> str:
    """The id of a session from how a trigger names it: what a key cannot hold (the ``:`` and ``+`` of a time) becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text.strip())


def session(id_: str) -> str:
    return f"sessions/{_match(SESSION, id_, 'session id')}/session.json"


def report(id_: str) -> str:
    return f"sessions/{_match(SESSION, id_, 'session id')}/report/index.html"


def _match(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        raise InputError(f"a {what} must match {pattern.pattern}, got {value[:80]!r}")
    return value


def encode(document: Document) -> bytes:
    """JSON bytes of a document, keys in their own order: that of a study's parameters has a meaning."""
    body = {**plain(document), "kind": document.kind, "schema_version": document.schema_version}
    return _canonical({**body, "sha256": hashlib.sha256(_canonical(body)).hexdigest()}) + b"\n"


def _canonical(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def decode(type_: type[D], data: bytes, where: str) -> D:
    """A document from its bytes.

    Raises:
        ArtifactCorrupt: not JSON, the digest differs, or fields are wrong.
        SchemaUnknown: another kind, or a version this release does not know.
    """
    try:
        body = json.loads(data)
        digest = body.pop("sha256", None) if isinstance(body, dict) else None
        actual = hashlib.sha256(_canonical(body)).hexdigest()
    except (ValueError, RecursionError) as error:
        raise ArtifactCorrupt(
            f"{where}: must be a {type_.kind} document, got {len(data)} bytes that are not JSON ({error})"
        ) from None
    if not isinstance(body, dict) or body.get("kind") != type_.kind:
        found = body.get("kind") if isinstance(body, dict) else type(body).__name__
        raise SchemaUnknown(f"{where}: must be a document of kind {type_.kind}, got kind {found!r}")
    version = body.get("schema_version")
    if version != type_.schema_version:
        raise SchemaUnknown(
            f"{where}: schema_version must be {type_.schema_version}, got {version!r}; "
            "it was written by another release of tunewright, use that one"
        )
    if digest != actual:
        raise ArtifactCorrupt(
            f"{where}: its sha256 must match its content, got {digest!r}; "
            "the object was damaged, restore it from a backup"
        )
    fields = {key: value for key, value in body.items() if key not in ("kind", "schema_version")}
    try:
        return type_.model_validate(fields)
    except ValidationError as error:
        found = error.errors()[0]["msg"]
        raise ArtifactCorrupt(f"{where}: fields must fit {type_.kind} version {version}, got {found}") from None


def read(store: Store, type_: type[D], key: str) -> D:
    """Read one document. Raises NotFound, ArtifactCorrupt, SchemaUnknown."""
    return read_tagged(store, type_, key)[0]


def read_tagged(store: Store, type_: type[D], key: str) -> tuple[D, str]:
    """Read one document and the tag to swap it by."""
    stored = store.get(key)
    return decode(type_, stored.data, f"{store.address}/{key}"), stored.etag


def find(store: Store, type_: type[D], key: str) -> D | None:
    """Read one document, None when there is none."""
    try:
        return read(store, type_, key)
    except NotFound:
        return None


def find_all(store: Store, type_: type[D], keys: Iterable[str]) -> list[D | None]:
    """Read many documents side by side, in order; None where there is none."""
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda key: find(store, type_, key), keys))


def create(store: Store, document: D, key: str) -> tuple[D, bool]:
    """Create-once: the document stored afterwards, and whether it is this one (also when an equal one was there)."""
    data = encode(document)
    try:
        store.create(key, data)
    except AlreadyExists:
        stored = store.get(key)
        return decode(type(document), stored.data, f"{store.address}/{key}"), stored.data == data
    return document, True


def put_blob(store: Store, data: bytes) -> str:
    """Store bytes under their own digest, which is returned."""
    digest = hashlib.sha256(data).hexdigest()
    store.put(blob(digest), data)
    return digest


def get_verified(store: Store, key: str, digest: str) -> bytes:
    """Read bytes and check them. Raises NotFound, ArtifactCorrupt."""
    data = store.get(key).data
    actual = hashlib.sha256(data).hexdigest()
    if actual != digest:
        raise ArtifactCorrupt(
            f"{store.address}/{key}: sha256 must be {digest}, got {actual} over {len(data)} bytes; "
            "restore it from a backup"
        )
    return data


def get_blob(store: Store, digest: str) -> bytes:
    """Read a blob and check it against its name. Raises NotFound, ArtifactCorrupt."""
    try:
        return get_verified(store, blob(digest), digest)
    except NotFound:
        raise ArtifactCorrupt(
            f"{store.address}/{blob(digest)}: weights that the study needs must be there, found none; restore them from a backup"
        ) from None


def attempt_numbers(store: Store, trial: str) -> list[int]:
    """Numbers of the attempts of a trial that have begun, ascending."""
    prefix = attempts(trial)
    begun = (re.fullmatch(r"([1-9][0-9]*)/start\.json", entry.key[len(prefix) :]) for entry in store.list(prefix))
    return sorted(int(match[1]) for match in begun if match)


def scores_lost(store: Store, trial: str) -> list[str]:
    """Keys of what was said each time that the scoring of a trial was lost or refused, in order."""
    name = re.compile(rf"{attempts(trial)}([1-9][0-9]*)/{SCORE}/lost-([1-9][0-9]*)\.json")
    found = filter(None, (name.fullmatch(entry.key) for entry in store.list(attempts(trial))))
    return [match[0] for match in sorted(found, key=lambda match: (int(match[1]), int(match[2])))]


def studies(store: Store) -> Iterator[str]:
    """Names of the studies that a store holds, by key; two looks for each folder at its top, whatever lies below."""
    after = ""
    while (entry := next((one for one in store.list(after=after) if "/" in one.key), None)) is not None:
        name = entry.key.partition("/")[0]
        key = f"{name}/{STUDY}"
        first = next(store.list(key), None) if KEY.fullmatch(key) else None
        if first is not None and first.key == key:
            yield name
        after = f"{name}0"  # which follows the slash


class Prefixed:
    """A store seen from below a prefix: the part of a bucket that belongs to one study."""

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = check_key(prefix) + "/"

    @property
    def address(self) -> str:
        return f"{self._store.address}/{self._prefix[:-1]}"

    def get(self, key: str) -> Stored:
        return self._store.get(self._prefix + key)

    def create(self, key: str, data: bytes) -> str:
        return self._store.create(self._prefix + key, data)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        return self._store.swap(self._prefix + key, data, etag)

    def put(self, key: str, data: bytes) -> str:
        return self._store.put(self._prefix + key, data)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        for entry in self._store.list(self._prefix + prefix, self._prefix + after if after else ""):
            yield Entry(key=entry.key[len(self._prefix) :], size=entry.size, modified=entry.modified)

    def delete(self, key: str) -> None:
        self._store.delete(self._prefix + key)
