"""VEX documents: what their authors say about vulnerabilities in a product."""
