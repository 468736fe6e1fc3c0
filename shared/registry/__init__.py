"""The wire to registries: challenges, tokens, the watcher and the ACR data plane."""
