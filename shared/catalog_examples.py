"""Examples of what a catalog may say, by the section of the documentation they stand in."""

from collections.abc import Mapping

from pydantic import BaseModel

from shared.catalog_keys import GateDocument, TagsDocument, TestDocument, WatchDocument
from shared.catalog_schema import (
    CatalogDocument,
    DefaultsDocument,
    ImageDocument,
    RebuildDocument,
    UpstreamDocument,
    WaiverDocument,
)

# Each is a catalog, but for the keys every catalog must have (staging, base, images), where it leaves them out.
EXAMPLES: Mapping[type[BaseModel], str] = {
    CatalogDocument: """\
staging: contosostaging.azurecr.io
base: contosobase.azurecr.io/base
apps: [contosoapps.azurecr.io]
images:
  - source: docker.io/library/node
    tags: [20-alpine, 22-alpine]
vex: [vex/openssl.json]
""",
    DefaultsDocument: """\
defaults:
  platforms: [linux/amd64, linux/arm64]
  gate: { block: high, compare: not-worse, age: 24h }
  test: { script: image-tests/starts.sh }
""",
    GateDocument: """\
defaults:
  gate:
    block: high
    compare: not-worse        # what builds use now may be no worse, and need not be better
    max_age: 3d
    age: 48h
    skip_age_for_fixes: true  # a fix does not wait
images:
  - source: docker.io/library/postgres
    tags: ["17"]
    gate: { approval: manual, eol: block }   # everything else is as in the defaults
  - source: docker.io/library/redis
    tags: ["8"]
    gate: { mode: observe }                  # to see what the gate would say, before it says it
  - source: ghcr.io/aquasecurity/trivy-db
    name: tools/trivy-db
    tags: ["2"]
    gate: { scan: none, age: 1h, reason: "data for the scanner, not run" }
""",
    TestDocument: """\
images:
  - source: docker.io/library/node
    tags: [22-alpine]
    test: { script: image-tests/node.sh }
""",
    WatchDocument: """\
defaults:
  watch: { settle: 10m }
images:
  - source: docker.io/library/node
    tags: [22-alpine]
    watch: { settle: 1h, equivalent: false }
""",
    ImageDocument: """\
images:
  - source: docker.io/library/node
    tags: [20-alpine, 22-alpine]
  - source: docker.io/library/node
    name: node-slim
    tags: [22-slim]
    platforms: [linux/amd64]
""",
    TagsDocument: """\
images:
  - source: docker.io/library/python
    tags: { semver: ">=3.12 <3.15", suffix: -slim, newest: 3, per: minor }
  - source: quay.io/prometheus/prometheus
    tags: { prefix: v, deny: [".*-distroless", "v2[.].*"], names: [latest] }
""",
    UpstreamDocument: """\
images:
  - source: docker.io/library/node
    tags: [22-alpine]
upstreams:
  - { registry: docker.io, credentials: hub, concurrency: 4, rate: 5, reserve: 20, webhook: hub }
""",
    WaiverDocument: """\
images:
  - source: docker.io/library/node
    tags: [22-alpine]
waivers:
  - id: CVE-2025-0001
    image: node*
    package: libssl3
    reason: no code path reads certificates from clients
    owner: platform@contoso.com
    expires: 2027-01-31
""",
    RebuildDocument: """\
rebuild:
  - { when: base/node, github: contoso/shop, workflow: build.yml, ref: main }
""",
}
