"""The media types Breakwater reads and writes."""

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})

# All four, index types first: a registry asked for less resolves a platform and answers another digest.
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))

# Breakwater's own artifact types. What carries one of them upstream is never imported (design §2.4).
OWN_PREFIX = "application/vnd.breakwater."
REPORT = "application/vnd.breakwater.report.trivy.v1+json"
TEST_RESULT = "application/vnd.breakwater.test.v1+json"
RULING = "application/vnd.breakwater.ruling.v1+json"
DECISION = "application/vnd.in-toto+json"
DECISION_ARTIFACT = "application/vnd.breakwater.decision.v1+json"
