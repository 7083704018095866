"""Build the sdist and the wheel twice, compare the builds, check them and list the licences.

``make dist`` runs it. It builds what is committed, so that no file that lies about gets into a
release, and the wheel is built from the sdist, so that both have the same contents.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"

ALLOWED = (
    "0BSD", "Apache", "BSD", "HPND", "ISC", "MIT", "MPL-2.0", "PSF", "Python Software Foundation",
    "Unlicense", "Public Domain", "ZPL",
)  # fmt: skip
"""Parts of the names of licences that the default install may depend on."""


def main() -> None:
    """Build, compare and check, and print a line for each result."""
    epoch = git("log", "-1", "--format=%ct").strip()
    with tempfile.TemporaryDirectory() as folder:
        first, second = (build(Path(folder) / name, epoch) for name in ("first", "second"))
        sums = {path.name: digest(path) for path in first}
        if sums != {path.name: digest(path) for path in second}:
            sys.exit(f"Two builds of one commit differ: compare the archives: {sorted(sums)}")
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        paths = [Path(shutil.copy(path, DIST)) for path in first]
    (DIST / "SHA256SUMS").write_text("".join(f"{s}  {n}\n" for n, s in sorted(sums.items())))
    check(paths)
    list_licences(next(path for path in paths if path.suffix == ".whl"))
    for name, value in sorted(sums.items()):
        print(f"{value}  {name}  (the same in both builds)")


def git(*arguments: str) -> str:
    """Return what a git command prints about the project."""
    return run(["git", "-C", str(ROOT), *arguments])


def build(folder: Path, epoch: str) -> list[Path]:
    """Build the commit in a folder, and return the paths of its sdist and its wheel."""
    source, unpacked, out = (folder / name for name in ("source", "unpacked", "out"))
    archive = folder / "source.tar"
    folder.mkdir()
    git("archive", "--output", str(archive), "HEAD")
    shutil.unpack_archive(archive, source, filter="data")
    run_build("--sdist", source, out, epoch)
    (sdist,) = out.iterdir()
    repack(sdist, int(epoch))
    shutil.unpack_archive(sdist, unpacked, filter="data")
    run_build("--wheel", next(unpacked.iterdir()), out, epoch)
    return sorted(out.iterdir())


def run_build(kind: str, source: Path, out: Path, epoch: str) -> None:
    """Build one archive, with the time of the commit in place of the present one."""
    command = [sys.executable, "-m", "build", kind, "--outdir", str(out), str(source)]
    run(command, {**os.environ, "SOURCE_DATE_EPOCH": epoch})


def repack(sdist: Path, epoch: int) -> None:
    """Write an sdist again with sorted names, one time, one owner and two modes.

    setuptools takes times, owners and the order of names from the file system.
    """
    with tarfile.open(sdist) as tar:
        members = sorted(tar.getmembers(), key=lambda member: member.name)
        files = [(member, tar.extractfile(member)) for member in members]
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as written:
            for member, file in files:
                plain = tarfile.TarInfo(member.name)
                plain.type, plain.size, plain.mtime = member.type, member.size, epoch
                plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
                written.addfile(plain, file)
    sdist.write_bytes(gzip.compress(packed.getvalue(), compresslevel=9, mtime=epoch))


def digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(paths: list[Path]) -> None:
    """Run the checks that indexes and their users run, and exit with the first that fails."""
    scripts = Path(sys.executable).parent
    wheel = [str(path) for path in paths if path.suffix == ".whl"]
    # W004: the names of migrations open with a digit, by Django's custom.
    contents = ["check-wheel-contents", "--ignore", "W004", *wheel]
    for command in (["twine", "check", "--strict", *map(str, paths)], contents):
        run([str(scripts / command[0]), *command[1:]])
    rating = run([str(scripts / "pyroma"), "--min", "10", str(ROOT)])
    print(next(line for line in rating.splitlines() if "rating" in line))


def run(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Return what a command prints, or exit with it if the command fails."""
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{ran.stdout}{ran.stderr}")
    return ran.stdout


def list_licences(wheel: Path) -> None:
    """Install the wheel alone, write its bill of materials, and refuse odd licences.

    ``dist/sbom.cdx.json`` is in CycloneDX's format, ``dist/licences.json`` as pip-licenses has it.
    """
    scripts = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True, clear=True)
        python = str(Path(folder) / "bin" / "python")
        run([python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", str(wheel)])
        sbom = ["environment", python, "--output-reproducible", "-o", str(DIST / "sbom.cdx.json")]
        run([str(scripts / "cyclonedx-py"), *sbom])
        listed = run(
            [str(scripts / "pip-licenses"), "--python", python, "--format", "json", "--from=mixed"]
        )
    found = {item["Name"]: item["License"] for item in json.loads(listed)}
    (DIST / "licences.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    odd = {name: text for name, text in found.items() if not any(part in text for part in ALLOWED)}
    if odd or "Django" not in found:
        sys.exit(f"Licences that a company may refuse, or no list of them: {odd or found}")
    print(f"Licences of {len(found)} packages: {', '.join(sorted(set(found.values())))}")


if __name__ == "__main__":
    main()
