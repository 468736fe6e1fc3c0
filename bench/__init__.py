"""What is claimed about speed, measured; nothing here is deployed."""
