"""Ceph's S3 gateway on loopback and free ports: a monitor, an object store and the gateway.

It needs Debian's ceph-mon, ceph-osd, ceph-common and radosgw, and root. It also serves websites
with their routing rules, enforces bucket policies, and makes conditional PUTs atomic.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from testproject.servers.processes import Processes, free_ports, is_listening, is_responding

# cephx with one keyring, because radosgw 16 hangs with `auth none`. The monitor needs its address
# in both protocols. Never set `rgw_print_continue = false`: each PUT of boto3 would take a second.
# The intervals are short because tests wait for them.
_CONFIG = """[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor2},v1:127.0.0.1:{monitor1}]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
auth_allow_insecure_global_id_reclaim = false
keyring = {folder}/keyring
run_dir = {folder}/run
admin_socket =
pid_file = {folder}/run/$name.pid
log_file = {folder}/log/$name.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 2000
mon_client_hunt_interval = 0.3
mon_client_ping_interval = 1
mon_tick_interval = 1
objecter_tick_interval = 0.5
osd_mon_report_interval = 1
osd_fast_shutdown = true
mon_osd_initial_require_min_compat_client = pacific
paxos_propose_interval = 0.1
paxos_min_wait = 0.02
[mon]
mon_data = {folder}/mon
mon_cluster_log_file = {folder}/log/cluster.log
mon_data_avail_crit = 1
[osd]
keyring = {folder}/keyring
osd_data = {folder}/osd
{store}
osd_op_num_shards = 1
osd_op_num_threads_per_shard = 2
[client.rgw]
keyring = {folder}/keyring
rgw_data = {folder}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
rgw_enable_apis = s3, s3website, admin
rgw_enable_static_website = true
rgw_dns_name = s3.localhost
rgw_dns_s3website_name = s3-website.localhost
rgw_resolve_cname = false
rgw_thread_pool_size = 32
rgw_enable_usage_log = false
rgw_enable_ops_log = false
"""


_IN_MEMORY = "osd_objectstore = memstore\nmemstore_device_bytes = 2147483648"
_ON_DISK = """osd_objectstore = bluestore
bluestore_block_size = {disk_bytes}
bluestore_block_db_create = false
bluestore_block_wal_create = false
bluestore_cache_autotune = false
bluestore_cache_size = 67108864"""

PACKAGES = {
    "ceph": "ceph-common",
    "ceph-mon": "ceph-mon",
    "ceph-osd": "ceph-osd",
    "radosgw": "radosgw",
}
"""The programs that it needs, and the Debian packages that contain them."""


def missing_packages() -> list[str]:
    """Return the Debian packages that are not installed."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return [
        package for program, package in PACKAGES.items() if not shutil.which(program, path=path)
    ]


class RGW:
    """A single-node cluster with its gateway: in memory, or in a file of ``disk_bytes``."""

    access_key = "AKTEST00000000000000"
    secret_key = "SKTEST0000000000000000000000000000000000"  # noqa: S105 (a made-up one)
    region = "us-east-1"

    def __init__(
        self,
        folder: Path,
        ports: Sequence[int] = (),
        adopted: Sequence[int] = (),
        disk_bytes: int = 0,
    ) -> None:
        """Prepare a new cluster, or use the running one on these ports with these processes."""
        self._folder = folder
        self._config = folder / "ceph.conf"
        self._store = _ON_DISK.format(disk_bytes=disk_bytes) if disk_bytes else _IN_MEMORY
        self._monitor1, self._monitor2, self.port = ports or free_ports(3)
        self._processes = Processes(folder / "output.log", adopted)

    def state(self) -> dict[str, Any]:
        """Return the arguments with which another process can use this cluster, as JSON."""
        ports = [self._monitor1, self._monitor2, self.port]
        return {"folder": str(self._folder), "ports": ports, "adopted": self._processes.pids}

    @classmethod
    def of(cls, state: dict[str, Any]) -> Self:
        """Return the object of a running cluster."""
        return cls(Path(state["folder"]), state["ports"], state["adopted"])

    @property
    def endpoint(self) -> str:
        """The URL of the S3 API."""
        return f"http://127.0.0.1:{self.port}"

    def website(self, bucket: str) -> str:
        """Return the website endpoint of a bucket.

        Browsers resolve its host name to loopback; Python does not on every system.
        """
        return f"http://{bucket}.s3-website.localhost:{self.port}"

    def statuses(self, path: str) -> list[int]:
        """Return the statuses of anonymous GET requests for a path, in order, from its log."""
        line = re.compile(rf'- anonymous \[[^]]*\] "GET {re.escape(path)} HTTP/[0-9.]+" ([0-9]+) ')
        log = (self._folder / "log" / "client.rgw.log").read_text(errors="replace")
        return [int(status) for status in line.findall(log)]

    def start(self) -> RGW:
        """Create a new cluster and start it, which takes some seconds."""
        try:
            self._configure()
            self._start_monitor()
            self._start_store()
            self._start_gateway()
        except BaseException:
            self.stop()
            raise
        return self

    def leave(self) -> None:
        """Leave it running: another process stops it."""
        self._processes.leave()

    def stop(self) -> None:
        """Stop the gateway, the object store and the monitor."""
        self._processes.stop()

    def _configure(self) -> None:
        for name in ("mon", "osd", "run", "log", "rgw"):
            (self._folder / name).mkdir()
        self._fsid = str(uuid.uuid4())
        config = _CONFIG.format(
            fsid=self._fsid,
            folder=self._folder,
            monitor1=self._monitor1,
            monitor2=self._monitor2,
            gateway=self.port,
            store=self._store,
        )
        self._config.write_text(config)
        keyring = self._folder / "keyring"
        allow = ["--cap", "mon", "allow *"]
        _run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", *allow)
        allow += ["--cap", "osd", "allow *", "--cap", "mgr", "allow *"]
        for name in ("client.admin", "client.rgw", "osd.0"):
            _run("ceph-authtool", keyring, "--gen-key", "-n", name, *allow)

    def _start_monitor(self) -> None:
        map, keyring = self._folder / "monmap", self._folder / "keyring"
        addresses = f"[v2:127.0.0.1:{self._monitor2},v1:127.0.0.1:{self._monitor1}]"
        create = ["--create", "--clobber", "--addv", "a", addresses, "--fsid", self._fsid]
        _run("monmaptool", *create, map)
        monitor: list[str | Path] = ["ceph-mon", "-c", self._config, "-i", "a"]
        _run(*monitor, "--mkfs", "--monmap", map, "--keyring", keyring)
        self._processes.start([*monitor, "-f"])
        self._processes.wait(lambda: is_listening(self._monitor2), "The monitor")

    def _start_store(self) -> None:
        ceph: list[str | Path] = ["ceph", "-c", self._config, "osd"]
        id = str(uuid.uuid4())
        _run(*ceph, "new", id)
        store: list[str | Path] = ["ceph-osd", "-c", self._config, "-i", "0"]
        _run(*store, "--mkfs", "--osd-uuid", id)
        _run(*ceph, "crush", "add", "osd.0", "1", "root=default", "host=localhost")
        self._processes.start([*store, "-f"])
        self._processes.wait(lambda: " 1 up" in _run(*ceph, "stat"), "The store")

    def _start_gateway(self) -> None:
        gateway: list[str | Path] = ["-c", self._config, "-n", "client.rgw"]
        self._processes.start(["radosgw", "-f", *gateway])
        self._processes.wait(lambda: is_responding(self.endpoint), "The gateway", seconds=90)
        self.add_user("app", self.access_key, self.secret_key)

    def add_user(self, name: str, access_key: str, secret_key: str) -> None:
        """Create a user of the gateway."""
        gateway: list[str | Path] = ["-c", self._config, "-n", "client.rgw"]
        keys = [f"--access-key={access_key}", f"--secret-key={secret_key}"]
        user = [f"--uid={name}", f"--display-name={name}"]
        _run("radosgw-admin", *gateway, "user", "create", *user, *keys)


def _run(*command: str | Path) -> str:
    words = [str(part) for part in command]
    done = subprocess.run(  # noqa: S603 (commands of this file)
        words, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout
