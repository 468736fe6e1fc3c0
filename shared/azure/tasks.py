"""ACR Tasks through azure-mgmt-containerregistrytasks: the only file that knows that package."""

import itertools
import re
from typing import Any

import requests
from azure.core.credentials import TokenCredential
from azure.core.exceptions import ResourceNotFoundError
from azure.mgmt.containerregistrytasks import ContainerRegistryTasksMgmtClient, models

from shared.azure import patience, task_values
from shared.azure.errors import translated
from shared.azure.registries import ArmRegistries
from shared.errors import Permanent, Transient
from shared.oci.digest import Digest, InvalidDigest
from shared.oci.reference import InvalidReference, Repository
from shared.values import Dependency, Log, Run, RunState, ScanRequest, Task, TestRequest

_LOG_TAIL = 256 * 1024  # bytes
_WHOLE = "x-ms-meta-complete"  # its value is how the run ended
_NEWEST = 20  # runs
_TIMEOUT = (5.0, 15.0)  # seconds to connect, seconds between two bytes
_SERVER_ERROR = 500
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,50}")  # what ARM allows in a task's name and a run's id
_STATES = {
    "Queued": RunState.QUEUED,
    "Started": RunState.RUNNING,
    "Running": RunState.RUNNING,
    "Succeeded": RunState.SUCCEEDED,
    "Canceled": RunState.CANCELED,
    "Failed": RunState.FAILED,
    "Error": RunState.FAILED,
    "Timeout": RunState.FAILED,
}
_HUB = "registry.hub.docker.com"  # how ACR spells docker.io in what a task was built on


class AcrTasks:
    """Tasks over ARM."""

    def __init__(
        self,
        client: ContainerRegistryTasksMgmtClient,
        registries: ArmRegistries,
        *,
        scan: str,
        test: str,
    ) -> None:
        """Take the client, the registries it can see, and the names of the two tasks in staging."""
        self._client = client
        self._registries = registries
        self._names = {ScanRequest: scan, TestRequest: test}

    def start(self, request: ScanRequest | TestRequest) -> str:
        """Start a scan or test run, once, in the registry of the request's repository."""
        registry, name = request.repository.registry, self._names[type(request)]
        task = self._task_id(registry, name)
        return self._schedule(registry, name, task_values.run_request(task, request))

    def rebuild(self, registry: str, name: str) -> str:
        """Start a run of a task as it is, once."""
        request = task_values.rebuild_request(self._task_id(registry, name))
        return self._schedule(registry, name, request)

    def run(self, registry: str, run_id: str) -> Run | None:
        """Read a run; None when the registry knows no such run."""
        found = self._registries.get(registry)
        with translated(f"run {run_id} of {registry}"):
            try:
                return _run(self._client.runs.get(found.group, found.name, _named(run_id)))
            except ResourceNotFoundError:
                return None

    def log(self, registry: str, run_id: str) -> Log:
        """Read the end of a run's log; an empty one while there is none."""
        found, doing = self._registries.get(registry), f"log of run {run_id} of {registry}"
        with translated(doing):
            try:
                links = self._client.runs.get_log_sas_url(found.group, found.name, _named(run_id))
            except ResourceNotFoundError:
                return Log()
        url = links.log_link or links.log_artifact_link
        return _tail(url, doing) if url else Log()

    def upload(self, registry: str, archive: bytes) -> str:
        """Upload a context as ACR's own tools do: a block blob at a URL ARM hands out."""
        found, doing = self._registries.get(registry), f"upload of a context to {registry}"
        with translated(doing):
            target = self._client.registries.get_build_source_upload_url(found.group, found.name)
        if not target.upload_url or not target.relative_path:
            message = f"{doing}: ARM named no place to upload to"
            raise Transient(message)
        headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"}
        _blob("PUT", target.upload_url, doing, headers, archive)
        return target.relative_path

    def list(self, registry: str) -> tuple[Task, ...]:
        """List the tasks with what the list says they were built on, and ask for nothing more."""
        found = self._registries.get(registry)
        with translated(f"tasks of {registry}"):
            listed = self._client.tasks.list(found.group, found.name)
            return tuple(_task(registry, each) for each in listed)

    def get(self, registry: str, name: str) -> Task | None:
        """Read one task; None when there is none of this name.

        Where the answer leaves out what it was built on, its details are asked for.
        """
        found = self._registries.get(registry)
        with translated(f"task {name} of {registry}"):
            try:
                task = self._client.tasks.get(found.group, found.name, _named(name))
                return _task(registry, self._detailed(found.group, found.name, task))
            except ResourceNotFoundError:
                return None

    def recent_runs(self, registry: str, name: str) -> tuple[Run, ...]:
        """List a task's newest runs; ACR lists newest first."""
        found = self._registries.get(registry)
        with translated(f"runs of task {name} of {registry}"):
            runs = self._client.runs.list(
                found.group, found.name, filter=f"TaskName eq '{_named(name)}'", top=_NEWEST
            )
            return tuple(_run(each) for each in itertools.islice(runs, _NEWEST))

    def _task_id(self, registry: str, name: str) -> str:
        return f"{self._registries.get(registry).id}/tasks/{_named(name)}"

    def _schedule(self, registry: str, name: str, request: dict[str, Any]) -> str:
        found = self._registries.get(registry)
        missing = f"task {name} does not exist in {registry}; deploy creates it"
        with translated(f"starting task {name} of {registry}", missing=missing):
            run = self._client.registries.schedule_run(
                found.group,
                found.name,
                request,
                retry_total=0,  # a second POST would be a second run
            )
        started = (run.properties.run_id if run.properties else None) or run.name
        if not started:
            message = f"task {name} of {registry} was started without a run id"
            raise Transient(message)
        return started

    def _detailed(self, group: str, registry: str, task: models.Task) -> models.Task:
        step = task.properties.step if task.properties else None
        if step is None or step.base_image_dependencies or not task.name:
            return task
        return self._client.tasks.get_details(group, registry, task.name)


def tasks_client(
    credential: TokenCredential, subscription: str, endpoint: str
) -> ContainerRegistryTasksMgmtClient:
    """Make the client for tasks and runs."""
    return ContainerRegistryTasksMgmtClient(
        credential,
        subscription,
        endpoint,
        credential_scopes=[f"{endpoint}/.default"],
        **patience.ARM,
    )


def _named(text: str) -> str:
    if not _NAME.fullmatch(text):
        message = f"expected the name of a task or run, found {text[:60]!r}"
        raise Permanent(message)
    return text


def _run(found: models.Run) -> Run:
    body = found.properties or models.RunProperties()
    # The SDK's enums are texts, but `str` of one is its Python name.
    status = body.status.value if isinstance(body.status, models.RunStatus) else body.status or ""
    images = body.image_update_trigger.images if body.image_update_trigger else None
    updated = ((_repository(each), each.tag or "", _digest(each.digest)) for each in images or ())
    return Run(
        id=body.run_id or found.name or "",
        state=_STATES.get(status, RunState.RUNNING),  # a word we do not know is no end
        status=status,
        error=body.run_error_message or "",
        created=body.create_time,
        finished=body.finish_time,
        updated=tuple((where, tag, digest) for where, tag, digest in updated if where and digest),
    )


def _task(registry: str, found: models.Task) -> Task:
    body = found.properties
    step = body.step if body else None
    dependencies = [
        Dependency(where, each.tag or "", _digest(each.digest))
        for each in (step.base_image_dependencies if step else None) or ()
        if (where := _repository(each))
    ]
    enabled = body is not None and body.status != "Disabled"
    return Task(registry, found.name or "", enabled, tuple(dependencies))


def _repository(image: models.ImageDescriptor | models.BaseImageDependency) -> Repository | None:
    registry = (image.registry or "").lower()  # ARM keeps the spelling of whoever made the task
    try:
        return Repository("docker.io" if registry == _HUB else registry, image.repository or "")
    except InvalidReference:
        return None


def _digest(text: str | None) -> Digest | None:
    try:
        return Digest(text or "")
    except InvalidDigest:
        return None


def _tail(url: str, doing: str) -> Log:
    """Read a log's end. Azure's blobs know no suffix ranges, so its length is asked for first.

    Whoever writes the blob marks it when nothing more will come (azure-cli, acr/_stream_utils.py).
    """
    head = _blob("HEAD", url, doing)
    size = head.headers.get("Content-Length", "0") if head.ok else "0"
    whole = head.ok and _WHOLE in head.headers
    if not size.isdigit() or int(size) == 0:
        return Log(whole=whole)
    start = max(0, int(size) - _LOG_TAIL)
    response = _blob("GET", url, doing, {"Range": f"bytes={start}-{int(size) - 1}"})
    tail = response.content[-_LOG_TAIL:] if response.ok else b""
    if start:  # without its beginning a line may look like another: `test: x` like `x`
        tail = tail.partition(b"\n")[2]
    return Log(tail.decode("utf-8", "replace"), whole=whole)


def _blob(
    method: str, url: str, doing: str, headers: dict[str, str] | None = None, data: bytes = b""
) -> requests.Response:
    """Call a signed URL; 404 and 416 are answers ("nothing yet"). Never names the URL: it is a key."""
    nothing = (requests.codes.not_found, requests.codes.requested_range_not_satisfiable)
    try:
        response = requests.request(
            method, url, headers=headers, data=data or None, timeout=_TIMEOUT
        )
    except requests.RequestException as error:
        message = f"{doing}: storage did not answer ({type(error).__name__})"
        raise Transient(message) from None  # its text holds the URL
    if response.ok or (method != "PUT" and response.status_code in nothing):
        return response
    message = f"{doing}: storage answered HTTP {response.status_code}"
    if response.status_code >= _SERVER_ERROR or response.status_code in (403, 429):
        raise Transient(message)  # 403: the signature may have expired meanwhile
    raise Permanent(message)
