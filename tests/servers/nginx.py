"""The worst kind of CDN: an nginx that keeps redirects and ignores all cache headers."""

from __future__ import annotations

from pathlib import Path

from testproject.servers.processes import Processes, free_ports, is_listening

MAIN = """
daemon off;
error_log {folder}/error.log;
pid {folder}/pid;
user root;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_temp_path {folder}/proxy;
    {config}
}}
"""
"""The rest of the configuration, with which nginx writes to one folder only."""

_CDN = """
    proxy_cache_path {folder}/cache keys_zone=cdn:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{origin};
            proxy_set_header Host {host};
            proxy_redirect off;
            proxy_cache cdn;
            proxy_cache_valid 200 301 302 307 1h;
            proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
"""


class KeepingCDN:
    """A CDN that keeps the responses of its origin for an hour, redirects too."""

    def __init__(self, program: Path, folder: Path, origin: int, host: str) -> None:
        self._program = program
        self._config = folder / "nginx.conf"
        (self.port,) = free_ports(1)
        config = _CDN.format(folder=folder, port=self.port, origin=origin, host=host)
        self._config.write_text(MAIN.format(folder=folder, config=config))
        self._processes = Processes(folder / "output.log")

    @property
    def url(self) -> str:
        """Return the public URL of a storage behind it."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> KeepingCDN:
        """Start it, and wait until it listens."""
        self._processes.start([self._program, "-c", self._config])
        self._processes.wait(lambda: is_listening(self.port), "nginx")
        return self

    def stop(self) -> None:
        """Stop it with its workers."""
        self._processes.stop(gently=True)
