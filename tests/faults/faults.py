"""Bad disks and wrong clocks for a running process: compiles `shim.c`, starts programs with it, changes what goes wrong.

    faults = Faults(folder, under=data)
    with running([binary, "serve"], faults, folder) as process:
        with faults.during(enospc=1):
            ...
        assert faults.hits().writes > 0
"""

import collections.abc
import contextlib
import hashlib
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import typing

SHIM = pathlib.Path(__file__).with_name("shim.c")
NAMES = {"fsync_delay_ms", "enospc", "erofs", "eio", "eio_read", "clock_offset_s"}
HITS_BYTES = 64


class Hits(typing.NamedTuple):
    """What was really done to the process, so that a test cannot pass because nothing went wrong."""

    writes: int
    opens: int
    syncs: int
    reads: int
    clocks: int


def compiler() -> str:
    found = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if not found:
        raise FileNotFoundError("a C compiler is needed: `cc`")
    return found


def compiled() -> pathlib.Path:
    """The shim as a library, compiled once per content of its source and user."""
    mark = hashlib.sha256(SHIM.read_bytes()).hexdigest()[:16]
    folder = pathlib.Path(tempfile.gettempdir()) / f"paceline-faults-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    library = folder / f"shim-{mark}.so"
    if not library.exists():
        fresh = library.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler(), "-shared", "-fPIC", "-O2", "-o", fresh, SHIM], check=True)
        fresh.replace(library)
    return library


class Faults:
    """What goes wrong for the programs that are started with `env`, in files below `under`."""

    def __init__(self, folder: pathlib.Path, under: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        # The kernel tells paths without symbolic links.
        self.under = under.resolve()
        self.control = folder / "faults.txt"
        self.counted = folder / "faults.hits"
        self.counted.write_bytes(bytes(HITS_BYTES))
        self.library = compiled()
        self.set()

    @property
    def env(self) -> dict[str, str]:
        """What a program needs in its environment."""
        return {
            "LD_PRELOAD": str(self.library),
            "PACELINE_FAULTS": str(self.control),
            "PACELINE_FAULTS_HITS": str(self.counted),
        }

    def set(self, **faults: int) -> None:
        """From now on these, and no others."""
        if unknown := faults.keys() - NAMES:
            raise ValueError(f"unknown faults {sorted(unknown)}; known are {sorted(NAMES)}")
        lines = [f"under={self.under}", *(f"{name}={value}" for name, value in faults.items())]
        fresh = self.control.with_suffix(".new")
        fresh.write_text("\n".join(lines) + "\n")
        fresh.replace(self.control)

    @contextlib.contextmanager
    def during(self, **faults: int) -> collections.abc.Iterator[None]:
        """These while the block runs, then none."""
        self.set(**faults)
        try:
            yield
        finally:
            self.set()

    def hits(self) -> Hits:
        return Hits(*struct.unpack_from("=5Q", self.counted.read_bytes()))


@contextlib.contextmanager
def running(
    args: collections.abc.Sequence, faults: Faults, folder: pathlib.Path, env: dict | None = None, **popen
) -> collections.abc.Iterator[subprocess.Popen]:
    """A program with the shim; killed at the end if it has not ended by itself."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(folder), **(env or {}), **faults.env}
    with subprocess.Popen([str(arg) for arg in args], cwd=folder, env=clean, **popen) as process:
        try:
            yield process
        finally:
            process.kill()
