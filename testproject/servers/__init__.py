"""Servers that the demonstration and the tests start on loopback: no set-up by hand."""
