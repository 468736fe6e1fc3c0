"""OCI's nouns, parsed once and typed from then on; standard library only."""
