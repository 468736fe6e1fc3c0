"""Azure Resource Manager's part for ACR: registries, imports, tasks and runs, as the SDKs and `az` call it."""
