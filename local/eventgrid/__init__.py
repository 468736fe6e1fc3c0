"""The local Event Grid: topics, subscriptions, filters, deliveries, retries, dead letters."""
