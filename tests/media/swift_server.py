"""OpenStack Swift with its S3 interface: all its servers in one process, with one copy of everything.

Its data is in the folder in which it is started, which must support extended attributes. The user `test:test`
with the secret `test` may do everything.
"""

import logging
import sys
from pathlib import Path

from swift.common import utils
from swift.common.concurrency import greenthread, listen, socket, spawn, wsgi
from swift.common.http_protocol import SwiftHttpProtocol
from swift.common.ring import RingBuilder
from swift.common.wsgi import loadapp

STORAGE = """
[DEFAULT]
swift_dir = {folder}
devices = {folder}
mount_check = false
conn_timeout = 30
node_timeout = 60
# An object is listed when its upload is answered, and not only soon after.
container_update_timeout = 60

[app:main]
use = egg:swift#{kind}
"""
PROXY = """
[DEFAULT]
swift_dir = {folder}

[pipeline:main]
pipeline = s3api tempauth slo proxy-server

[filter:s3api]
use = egg:swift#s3api
# A few objects are several pages.
max_bucket_listing = 10

[filter:tempauth]
use = egg:swift#tempauth
user_test_test = test .admin

[filter:slo]
use = egg:swift#slo

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
conn_timeout = 30
node_timeout = 60
"""


def start(kind: str, config: str, folder: Path, listening: socket.socket) -> greenthread.GreenThread:
    path = folder / f"{kind}.conf"
    path.write_text(config.format(folder=folder, kind=kind))
    return spawn(
        wsgi.server,
        listening,
        loadapp(str(path), global_conf={"log_name": kind}),
        utils.NullLogger(),
        protocol=SwiftHttpProtocol,
        # Clients of S3 look for "ETag".
        capitalize_response_headers=False,
    )


def save_ring(kind: str, folder: Path, port: int) -> None:
    """Write the ring of one kind of server: everything is on one device, at this port."""
    ring = RingBuilder(part_power=0, replicas=1, min_part_hours=0)
    ring.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": port, "device": "device", "weight": 1})
    ring.rebalance()
    ring.get_ring().save(str(folder / f"{kind}.ring.gz"))


def main(folder: Path) -> None:
    utils.monkey_patch()
    # It would go to the log of the system.
    logging.disable()
    (folder / "device").mkdir()
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = test\n")
    utils.set_swift_dir(str(folder))
    for kind in ("account", "container", "object"):
        listening = listen(("127.0.0.1", 0))
        save_ring(kind, folder, listening.getsockname()[1])
        start(kind, STORAGE, folder, listening)
    listening = listen(("127.0.0.1", 0))
    proxy = start("proxy", PROXY, folder, listening)
    sys.stderr.write(f"Running on http://127.0.0.1:{listening.getsockname()[1]}\n")
    proxy.wait()


if __name__ == "__main__":
    main(Path.cwd())
