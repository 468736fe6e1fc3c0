"""The local Azure Container Registry: distribution 1.1, `/acr/v1`, locks that bite, Event Grid events."""
