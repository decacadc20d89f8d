"""A bare Debian in a folder, to install into: made by debootstrap once, kept in build/check, and copied for each use.

What comfygate needs to run is in its apt's cache but not installed, so that an installation asks no network.
"""
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ROOT / "build" / "check" / "debian"
SUITE = "bookworm"
USUAL_MIRROR = "http://deb.debian.org/debian"
MINIMUM = ["ca-certificates", "systemd"]
LIMIT = 600  # seconds for anything that asks the network
DAYS = 7  # an older one is made anew: its lists name packages that the mirror has no more


def packages(name):
    """One of the lists of packaging/debian-packages.sh."""
    script = f". packaging/debian-packages.sh; echo \"${{{name}[@]}}\""
    return subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def mirror():
    """Where this machine gets its own packages from."""
    places = [pathlib.Path("/etc/apt/sources.list"), *sorted(pathlib.Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(place.read_text() for place in places if place.is_file())
    found = re.search(rf"^deb (?:\[.*\] )?(\S+) {SUITE} |^URIs: (\S+)\nSuites: (?:.* )?{SUITE}\b", text, re.MULTILINE)
    return next(filter(None, found.groups())) if found else USUAL_MIRROR


def run(*words, limit=LIMIT, **options):
    """Runs a command; AssertionError with the end of what it said when it fails."""
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=limit, stdin=subprocess.DEVNULL, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, words))}: exit code {done.returncode}\n{done.stdout[-3000:]}"
    return done.stdout


def chroot(folder, *words):
    return run("chroot", folder, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", *words)


def _make(folder, wanted):
    run("debootstrap", "--variant=minbase", f"--include={','.join(MINIMUM)}", SUITE, folder, mirror())
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
    # Nothing may be started, or asked, in a folder that is no running machine.
    chroot(folder, "apt-get", "-q", "update")
    chroot(folder, "apt-get", "-q", "-y", "--no-install-recommends", "--download-only", "install", *wanted)


def kept_root():
    """The folder that is kept; not to be changed."""
    assert os.geteuid() == 0, "these tests make machines and images, for which they must be root"
    wanted = packages("PACKAGES_RUNTIME")
    stamp = hashlib.sha256(" ".join([SUITE, mirror(), *MINIMUM, *wanted]).encode()).hexdigest()[:12]
    folder = KEPT / stamp
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.exists() and time.time() - folder.stat().st_ctime > DAYS * 86400:
            shutil.rmtree(folder)
        if not folder.exists():
            for old in KEPT.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            _make(KEPT / "new", wanted)
            os.rename(KEPT / "new", folder)
    return folder


def copy_root(to):
    """One to change; its caller removes it."""
    run("cp", "-a", "--reflink=auto", kept_root(), to)
    return pathlib.Path(to)
