"""HashiCorp's memberlist as Debian packages it, to be measured as MeshKit is, where it can be installed."""

import os
import pathlib
import shutil
import subprocess

PACKAGES = ("golang-go", "golang-github-hashicorp-memberlist-dev")
GOPATH = pathlib.Path("/usr/share/gocode")

here = pathlib.Path(__file__).resolve().parent


class Unavailable(Exception):
    """Why memberlist can't be measured here."""


class NoCertificates:
    """memberlist needs none, and no configuration either."""

    def issue(self, names):
        pass

    def path(self, name):
        return "-"


def attempt(command, what, **options):
    """Runs a tool; whatever goes wrong is a reason to go on without memberlist."""
    try:
        subprocess.run(command, check=True, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=600,
                       **options)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise Unavailable(f"{what} failed: {lines[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{what} failed: {error}") from error


def install():
    if shutil.which("go") and (GOPATH / "src/github.com/hashicorp/memberlist").is_dir():
        return
    print(f"== installing Debian packages for the comparison: {' '.join(PACKAGES)}", flush=True)
    root = [] if os.getuid() == 0 else ["sudo", "-n"]
    attempt([*root, "apt-get", "update", "-qq"], "apt-get update")
    attempt([*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-qq",
             "--no-install-recommends", *PACKAGES], "apt-get install")


def build(folder):
    """The program of memberlist_host, built in `folder`."""
    install()
    program = folder / "memberlist_host"
    go = dict(os.environ, GO111MODULE="off", GOPATH=str(GOPATH), GOCACHE=str(folder / "go-cache"))
    attempt(["go", "build", "-o", str(program), str(here / "memberlist_host/main.go")], "go build", env=go)
    return program
