// etcd_mvcc lets etcd's own packages do what kvctl does, so that the two can be timed side by side.
//
//	etcd_mvcc build FILE              write the history on standard input into a new backend file
//	etcd_mvcc restore FILE            open the file and restore the index, as a starting server does
//	etcd_mvcc compact FILE REVISION   the same, then compact in one batch and defragment
//
// The input of build is what `kvctl_bench_contender dump` writes. Each command prints the seconds of its steps as JSON.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/pkg/v3/traceutil"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/mvcc"
	"go.etcd.io/etcd/server/v3/mvcc/backend"
	"go.uber.org/zap"
)

const rowsPerTransaction = 10000

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "etcd_mvcc:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "build":
		return build(args[1], bufio.NewReaderSize(os.Stdin, 1<<20))
	case len(args) == 2 && args[0] == "restore":
		return open(args[1], 0)
	case len(args) == 3 && args[0] == "compact":
		revision, err := strconv.ParseInt(args[2], 10, 64)
		if err != nil {
			return err
		}
		return open(args[1], revision)
	}
	return fmt.Errorf("usage: etcd_mvcc build FILE | restore FILE | compact FILE REVISION")
}

// open does a server's work from the file to a ready index, and compacts at revision unless that is 0.
func open(path string, revision int64) error {
	steps := map[string]float64{}
	begin := time.Now()
	step := func(name string) {
		steps[name] = time.Since(begin).Seconds()
		begin = time.Now()
	}
	log := zap.NewNop()
	config := backend.DefaultBackendConfig()
	config.Path = path
	config.Logger = log
	b := backend.New(config)
	step("open")
	store := mvcc.NewStore(log, b, &lease.FakeLessor{}, mvcc.StoreConfig{CompactionBatchLimit: math.MaxInt32})
	step("restore")
	if revision != 0 {
		done, err := store.Compact(traceutil.TODO(), revision)
		if err != nil {
			return err
		}
		<-done
		step("compact")
		if err := b.Defrag(); err != nil {
			return err
		}
		step("defrag")
	}
	if err := store.Close(); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	step("close")
	return json.NewEncoder(os.Stdout).Encode(steps)
}

// build writes the key bucket row by row, ascending, as a server fills it.
func build(path string, in io.Reader) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		return err
	}
	defer db.Close()
	for more := true; more; {
		err := db.Update(func(tx *bolt.Tx) error {
			for _, name := range []string{"meta", "lease", "alarm", "auth", "members", "cluster"} {
				if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
					return err
				}
			}
			bucket, err := tx.CreateBucketIfNotExists([]byte("key"))
			if err != nil {
				return err
			}
			bucket.FillPercent = 0.9 // etcd's setting for a bucket that only grows at its end
			for i := 0; i < rowsPerTransaction; i++ {
				var row [2][]byte
				if row, err = read(in); err == io.EOF {
					more = false
					return nil
				} else if err != nil {
					return err
				}
				if err := bucket.Put(row[0], row[1]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return db.Sync()
}

// read gives the next row as the bucket holds it: revision, then the encoded key-value.
func read(in io.Reader) ([2][]byte, error) {
	var n [8]int64
	if err := binary.Read(in, binary.LittleEndian, &n); err != nil {
		return [2][]byte{}, err
	}
	main, sub, tombstone, create, version, leaseID, keyLen, valueLen := n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]
	data := make([]byte, keyLen+valueLen)
	if _, err := io.ReadFull(in, data); err != nil {
		return [2][]byte{}, fmt.Errorf("row %d: %w", main, err)
	}
	kv := mvccpb.KeyValue{Key: data[:keyLen]}
	row := binary.BigEndian.AppendUint64(nil, uint64(main))
	row = append(row, '_')
	row = binary.BigEndian.AppendUint64(row, uint64(sub))
	if tombstone != 0 {
		row = append(row, 't')
	} else {
		kv.Value, kv.CreateRevision, kv.ModRevision = data[keyLen:], create, main
		kv.Version, kv.Lease = version, leaseID
	}
	value, err := kv.Marshal()
	return [2][]byte{row, value}, err
}
