"""Servers that the demonstration and the tests start on loopback, without manual setup."""
