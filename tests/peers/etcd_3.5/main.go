// The etcd 3.5 server, built from its published module as a peer for end-to-end tests.
package main

import (
	"os"
	"time"
	_ "unsafe" // for linkname

	"go.etcd.io/etcd/server/v3/etcdmain"
)

// A lease's remaining time goes through the log every five minutes, which no flag changes and no test waits for.
//
//go:linkname checkpointInterval go.etcd.io/etcd/server/v3/lease.defaultLeaseCheckpointInterval
var checkpointInterval time.Duration

func main() {
	if given, err := time.ParseDuration(os.Getenv("PEER_CHECKPOINT_INTERVAL")); err == nil {
		checkpointInterval = given
	}
	etcdmain.Main(os.Args)
}
