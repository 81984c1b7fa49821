package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// A line of a script: a put, or a delete where there is no value (base64 in JSON).
type line struct {
	Key   string  `json:"key"`
	Value *[]byte `json:"value"`
}

// Writes the lines one after another, each on the condition that its key is as it was seen last, and prints the
// revisions that they were given: one JSON list.
func runScript(client *clientv3.Client, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	known := map[string]int64{}
	revisions := []int64{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return err
		}
		at := known[l.Key]
		op := clientv3.OpDelete(l.Key)
		if l.Value != nil {
			op = clientv3.OpPut(l.Key, string(*l.Value))
		}
		txn := client.Txn(context.Background()).If(clientv3.Compare(clientv3.ModRevision(l.Key), "=", at)).Then(op)
		if at != 0 {
			txn = txn.Else(clientv3.OpGet(l.Key))
		}
		answer, err := txn.Commit()
		if err != nil {
			return fmt.Errorf("%s: %w", l.Key, err)
		}
		if !answer.Succeeded {
			return fmt.Errorf("a write of %s at %d was refused, though nobody else writes it", l.Key, at)
		}
		revisions = append(revisions, answer.Header.Revision)
		known[l.Key] = answer.Header.Revision
		if l.Value == nil {
			delete(known, l.Key)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(revisions)
}
