"""Where things lie on the agent; acr-builder's own paths where it has one."""

WORKSPACE = "/workspace"
HOME = "/acb/home"
HOME_VOLUME = "home"
SOCKET = "/var/run/docker.sock"

DOCKER_CONFIG = "/acb/home/.docker/config.json"
CA_BUNDLE = "/acb/ca.pem"
HOSTS = "/acb/hosts"
STORE = "/acb/store"
RECORD = "/acb/out/record.jsonl"  # what build and push steps did, for the runner
