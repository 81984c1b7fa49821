#!/usr/bin/env python3
"""A real etcd server as a contender: etcd_server.py ETCD ETCDCTL DATA_DIR [REVISION]

Starts it on DATA_DIR and waits until it answers a read. With a REVISION it is then told to compact to it and to
defragment. What is timed is this whole process; the server is killed at the end, so that stopping costs nothing.
Prints the steps' seconds as JSON."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import time

START_SECONDS, STEP_SECONDS = 300, 600


def free_address():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return "http://127.0.0.1:%d" % s.getsockname()[1]


def main(etcd, etcdctl, data_dir, revision=None):
    client, peer = free_address(), free_address()
    environment = {**os.environ, "ETCDCTL_API": "3"}
    steps, begin = {}, time.monotonic()

    def step(name):
        nonlocal begin
        steps[name], begin = round(time.monotonic() - begin, 3), time.monotonic()

    def ctl(*words):
        return subprocess.run([etcdctl, "--endpoints", client, "--command-timeout", "%ds" % STEP_SECONDS, *words],
                              env=environment, capture_output=True, text=True, timeout=STEP_SECONDS)

    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(
            [etcd, "--name", "m", "--data-dir", data_dir, "--listen-client-urls", client, "--advertise-client-urls",
             client, "--listen-peer-urls", peer, "--quota-backend-bytes", str(64 << 30)], stdout=log, stderr=log)
        try:
            port = int(client.rsplit(":", 1)[1])
            while True:  # it listens when it is ready to serve; asking etcdctl in a loop would take a core from it
                if server.poll() is not None or time.monotonic() - begin > START_SECONDS:
                    log.seek(0)
                    sys.exit("the server did not start: " + log.read().decode(errors="replace")[-800:])
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.005)
            if ctl("get", "ready?").returncode != 0:
                sys.exit("the server does not answer")
            step("ready")
            for words in ([["compact", "--physical", revision], ["defrag"]] if revision else []):
                done = ctl(*words)
                if done.returncode != 0:
                    sys.exit(done.stderr.strip()[-400:])
                step(words[0])
        finally:
            server.kill()
            server.wait()
    print(json.dumps(steps))


if __name__ == "__main__":
    main(*sys.argv[1:])
