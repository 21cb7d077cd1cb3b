#!/usr/bin/env python3
"""Compiles the C examples and the README's program as a user of the installed library would, with gcc and clang as C11,
and runs each as a node that joins another one; SIGTERM must end the tutorial gracefully.
"""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests" / "InteropTests"))
from mesh import Failure, Mesh, run, wait_until  # noqa: E402

WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1"]


def programs(work):
    """Every folder of examples/c, and the C block of the README, each as (name, sources)."""
    readme = (ROOT / "README.md").read_text()
    source = work / "readme.c"
    source.write_text(readme.split("```c\n", 1)[1].split("```", 1)[0])
    yield "readme", [source]
    for folder in sorted((ROOT / "examples" / "c").iterdir()):
        if folder.is_dir():
            yield folder.name, sorted(folder.glob("*.c"))


def compile_all(stage, work):
    environment = dict(os.environ, PKG_CONFIG_PATH=str(stage / "lib" / "pkgconfig"))
    flags = run(["pkg-config", "--cflags", "--libs", "meshkit"], env=environment).split()
    compiled = {}
    for name, sources in programs(work):
        for compiler in ("gcc", "clang"):
            program = work / f"{name}-{compiler}"
            run([compiler, *WARNINGS, *sources, "-o", program, *flags, f"-Wl,-rpath,{stage / 'lib'}"])
            compiled[name] = program
        print(f"compiled {name} with gcc and clang")
    return compiled


def run_as_node(mesh, name, command, environment=None):
    """Starts `command`, waits until it prints a line that names the other node, and gives back the process."""
    log = mesh.work / f"{name}.out"
    with log.open("wb") as output:
        # stdbuf: a program that prints to a file would else keep its lines to itself.
        process = subprocess.Popen(["stdbuf", "-oL", *map(str, command)], stdout=output, stderr=subprocess.STDOUT,
                                   env=dict(os.environ, **(environment or {})))
    try:
        wait_until(lambda: "resident" in log.read_text() or process.poll() is not None, f"{name} joins")
        if process.poll() is not None:
            raise Failure(f"{name} ended with exit code {process.returncode}:\n{log.read_text()}")
    except Failure:
        process.kill()
        raise
    return process


def run_as_told(name, program):
    """An example that needs no node prints what its README says."""
    printed = run([program])
    promised = (ROOT / "examples" / "c" / name / "README.md").read_text().split("It prints\n\n```\n")[1]
    if printed != promised.split("```")[0]:
        raise Failure(f"{name} printed something else than its README says:\n{printed}")
    print(f"ran {name}; it printed what its README says")


def run_all(mesh, compiled):
    for name in ("03-queue", "04-pump"):
        run_as_told(name, compiled[name])
    mesh.issue("resident", "visitor")
    certificates = mesh.certificates
    resident = mesh.start("resident")
    seed = f"127.0.0.1:{resident.mesh_port}"
    process = run_as_node(mesh, "readme", [compiled["readme"]], {
        "MESH_GOSSIP__NODEID": "visitor", "MESH_GOSSIP__CLUSTERID": mesh.cluster, "MESH_GOSSIP__PORT": "0",
        "MESH_GOSSIP__BINDADDRESS": "127.0.0.1", "MESH_GOSSIP__SEEDPEERS": seed,
        "MESH_GOSSIP__TLS__CERTIFICATEPATH": str(certificates / "visitor.pfx"),
        "MESH_GOSSIP__TLS__TRUSTBUNDLEPATH": str(certificates / "ca.pem"), "MESH_CONTROL__PORT": "0",
    })
    process.kill()
    process.wait()
    print("ran readme")
    process = run_as_node(mesh, "01-join", [compiled["01-join"], mesh.configuration("visitor", seeds=[seed])])
    process.send_signal(signal.SIGTERM)
    if process.wait(timeout=15) != 0:
        raise Failure(f"01-join ended with exit code {process.returncode} after SIGTERM")
    print("ran 01-join; SIGTERM ended it gracefully")
    process = run_as_node(
        mesh, "02-broadcast", [compiled["02-broadcast"], mesh.configuration("visitor", seeds=[seed]), "hello"])
    wait_until(lambda: "broadcast origin=visitor topic=example/chat bytes=5" in resident.log.read_text(),
               "the resident hears the visitor")
    process.send_signal(signal.SIGTERM)
    if process.wait(timeout=15) != 0:
        raise Failure(f"02-broadcast ended with exit code {process.returncode} after SIGTERM")
    print("ran 02-broadcast; its text arrived, SIGTERM ended it gracefully")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--stage", default="build/stage")
    arguments.add_argument("--work", default="build/examples")
    given = arguments.parse_args()
    stage, work = pathlib.Path(given.stage).resolve(), pathlib.Path(given.work).resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        with Mesh(stage, work) as mesh:
            run_all(mesh, compile_all(stage, work))
        return 0
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
