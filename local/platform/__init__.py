"""What Azure gives every service for free: certificates, identities, storage, processes."""
