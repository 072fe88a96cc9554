"""A program that meets the faults of `test_faults.py`: does what its standard input says, one line each, and answers."""

import os
import pathlib
import sqlite3
import sys
import time


class Victim:
    """Everything it can be told to do."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.db = sqlite3.connect(folder / "history.db", isolation_level=None, timeout=1)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute("CREATE TABLE IF NOT EXISTS t (x)")
        (folder / "sub").mkdir()
        self.kept = os.open(folder / "kept", os.O_RDWR | os.O_CREAT)
        os.write(self.kept, b"0123456789")

    def insert(self):
        self.db.execute("INSERT INTO t VALUES (1)")

    def rows(self):
        return self.db.execute("SELECT count(*) FROM t").fetchone()[0]

    def insert_anew(self):
        """By a connection that is opened now."""
        db = sqlite3.connect(self.folder / "history.db", isolation_level=None, timeout=1)
        try:
            db.execute("INSERT INTO t VALUES (1)")
        finally:
            db.close()

    def sql_now(self):
        return int(self.db.execute("SELECT strftime('%s', 'now')").fetchone()[0])

    def write(self):
        os.lseek(self.kept, 0, os.SEEK_SET)
        return os.write(self.kept, b"x")

    def writev(self):
        return os.writev(self.kept, [b"a", b"b"])

    def pwrite(self):
        return os.pwrite(self.kept, b"x", 3)

    def pwritev(self):
        # At an offset beyond 4 GB of a sparse file: both halves of it must arrive.
        written = os.pwritev(self.kept, [b"far", b"off"], 1 << 33)
        os.ftruncate(self.kept, 10)
        return written

    def grow(self):
        os.ftruncate(self.kept, 4096)

    def shrink(self):
        os.ftruncate(self.kept, 10)

    def fallocate(self):
        os.posix_fallocate(self.kept, 0, 8192)

    def read(self):
        return len(os.pread(self.kept, 10, 0))

    def sync(self):
        os.fsync(self.kept)

    def datasync(self):
        os.fdatasync(self.kept)

    def create(self):
        path = self.folder / "new"
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
        os.unlink(path)

    def create_relative(self):
        os.chdir(self.folder)
        os.close(os.open("./sub/../new", os.O_WRONLY | os.O_CREAT))
        os.unlink("new")

    def create_at(self):
        at = os.open(self.folder, os.O_RDONLY)
        try:
            os.close(os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=at))
            os.unlink("new", dir_fd=at)
        finally:
            os.close(at)

    def open_for_reading(self):
        os.close(os.open(self.folder / "kept", os.O_RDONLY))

    def rename(self):
        os.rename(self.folder / "kept", self.folder / "kept.2")
        os.rename(self.folder / "kept.2", self.folder / "kept")

    def elsewhere(self):
        """A file beside the folder, whose name begins alike, on the number of a descriptor that was in it."""
        os.close(os.open(self.folder / "kept", os.O_RDONLY))
        path = self.folder.with_name(self.folder.name + "-beside")
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            os.write(fd, b"x")
            os.fsync(fd)
        finally:
            os.close(fd)

    def reused(self):
        """A file in the folder on the number that a file outside had a moment ago."""
        path = self.folder.with_name(self.folder.name + "-beside")
        fd = os.open(path, os.O_RDWR | os.O_CREAT)
        os.write(fd, b"x")
        os.dup2(self.kept, fd)
        try:
            return os.write(fd, b"y")
        finally:
            os.close(fd)

    def clocks(self):
        return [time.time(), time.monotonic()]


def main():
    victim = Victim(pathlib.Path(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        begun = time.monotonic()
        try:
            said = ["ok", getattr(victim, line.strip())()]
        except (OSError, sqlite3.Error) as error:
            said = ["failed", f"{type(error).__name__} {getattr(error, 'errno', '')} {error}"]
        print(repr([*said, time.monotonic() - begun]), flush=True)


if __name__ == "__main__":
    main()
