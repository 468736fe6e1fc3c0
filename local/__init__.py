"""The local Azure: real parts where there are any, faithful emulators where there are none."""
