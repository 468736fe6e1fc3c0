"""Stand-ins for the tool image's `trivy` and `oras`: the same command lines, run as processes of their own.

Its `jq` is not played: steps find the machine's own.

`bin/trivy` and `bin/oras` work in a bare environment. They read:

- `BREAKWATER_PYTHON`: the interpreter to use; without it, `.venv/bin/python` of this checkout.
- `DOCKER_CONFIG` (a folder), else `HOME/.docker`: where config.json holds credentials; helpers are not run.
- `REQUESTS_CA_BUNDLE`, else `SSL_CERT_FILE`: the CAs to trust, one PEM file; syft gets it as `SSL_CERT_FILE`.
- `PATH`, `HOME`, `TMPDIR`: as usual; syft unpacks layers below `TMPDIR`.
- `BREAKWATER_ADVISORIES` (trivy only): the folder of OSV files; without it, `local/advisories` of this checkout. A
  `metadata.json` there, like `{"UpdatedAt": "2026-11-01T00:00:00Z"}`, says how old they are to be taken for.
- `BREAKWATER_SBOM_CACHE` (trivy only): a folder that keeps SBOMs by manifest digest; without it nothing is kept.

Proxies and .netrc are not looked at.
"""
