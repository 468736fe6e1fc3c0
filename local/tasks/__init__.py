"""The task runner: what acr-builder does on an ACR agent, done here with buildah and an OCI runtime."""
