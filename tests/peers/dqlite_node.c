// A dqlite node for dqlite_node.py: dqlite_node ID ADDRESS FOLDER THRESHOLD TRAILING. A snapshot is made each THRESHOLD entries,
// and TRAILING are kept behind it. Prints "ready" once it runs, and stops as it should at SIGTERM.
#include <dqlite.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static int fail(dqlite_node* node, const char* what) {
    fprintf(stderr, "%s: %s\n", what, node == NULL ? "no node" : dqlite_node_errmsg(node));
    return 1;
}

int main(int argc, char** argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: dqlite_node ID ADDRESS FOLDER THRESHOLD TRAILING\n");
        return 2;
    }
    // Threads of the node inherit the mask, so that the signal waits for this one.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    dqlite_node* node = NULL;
    if (dqlite_node_create(strtoull(argv[1], NULL, 10), argv[2], argv[3], &node) != 0) return fail(node, "create");
    if (dqlite_node_set_bind_address(node, argv[2]) != 0) return fail(node, "bind");
    if (dqlite_node_set_network_latency_ms(node, 10) != 0) return fail(node, "latency");
    if (dqlite_node_set_snapshot_params(node, (unsigned)atoi(argv[4]), (unsigned)atoi(argv[5])) != 0)
        return fail(node, "snapshots");
    if (dqlite_node_start(node) != 0) return fail(node, "start");
    puts("ready");
    fflush(stdout);

    int caught = 0;
    sigwait(&signals, &caught);
    if (dqlite_node_stop(node) != 0) return fail(node, "stop");
    dqlite_node_destroy(node);
    return 0;
}
