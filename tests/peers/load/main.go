// Writers on a kine as API servers are, a watcher that compares every event with what they were told, and readers that
// compare lists at any revision with the history: the judge of a compaction beside the server, and its stopwatch.
//
// load -endpoint http://127.0.0.1:2379 [-writers 6] [-keys 40] [-rate 0] [-seconds 10] [-seed 1] [-readers 1]
// [-restarts] [-script FILE]
//
// It ends after -seconds, or at an interrupt, and prints one JSON object; exit status 1 when something was wrong. With
// -restarts the server may be killed meanwhile: what fails is asked about again until its outcome is known. With -script
// it writes what stands in a file and ends (script.go).
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"os"
	"os/signal"
	"sort"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const prefix = "/registry/load/"

var (
	endpoint = flag.String("endpoint", "http://127.0.0.1:2379", "the server")
	writers  = flag.Int("writers", 6, "writers, each with keys of its own")
	keys     = flag.Int("keys", 40, "keys of a writer")
	rate     = flag.Float64("rate", 0, "writes a second in all; 0: as many as go")
	seconds  = flag.Float64("seconds", 10, "how long to write")
	seed     = flag.Int64("seed", 1, "of the dice")
	readers  = flag.Int("readers", 1, "readers of lists at some revision")
	size     = flag.Int("size", 300, "bytes of a value, at the most")
	restarts = flag.Bool("restarts", false, "the server may be killed meanwhile")
	script   = flag.String("script", "", "write the lines of this file instead")
)

// What a write made of a key; an empty value: it was deleted.
type change struct {
	key, value string
}

type listing struct {
	revision  int64
	head      int64 // the newest revision that was known when the answer came
	compacted bool
	keys      map[string]int64
}

type run struct {
	sync.Mutex
	acked     map[int64]change // by revision: what writers were told
	seen      map[int64]change // what the watcher was told
	order     []int64          // revisions as the watcher saw them
	listings  []listing
	latencies []time.Duration
	troubles  []string
	failures  int // calls that failed
	relisted  int // watches that were refused as compacted
	newest    int64
}

func (r *run) trouble(format string, words ...any) {
	r.Lock()
	defer r.Unlock()
	if len(r.troubles) < 20 {
		r.troubles = append(r.troubles, fmt.Sprintf(format, words...))
	}
}

func (r *run) failed(what string, err error) {
	r.Lock()
	r.failures++
	r.Unlock()
	if !*restarts {
		r.trouble("%s: %v", what, err)
	}
	time.Sleep(20 * time.Millisecond)
}

func (r *run) took(t time.Duration) {
	r.Lock()
	defer r.Unlock()
	r.latencies = append(r.latencies, t)
}

func (r *run) ack(revision int64, c change) {
	r.Lock()
	defer r.Unlock()
	if other, twice := r.acked[revision]; twice {
		if len(r.troubles) < 20 {
			r.troubles = append(r.troubles, fmt.Sprintf("revision %d was given to %s and %s", revision, other.key, c.key))
		}
	}
	r.acked[revision] = c
	r.newest = max(r.newest, revision)
}

type writer struct {
	run    *run
	client *clientv3.Client
	dice   *rand.Rand
	prefix string
	known  map[string]int64 // the revision of each key that is there
	n      int
}

// One write, as an API server does it: on the condition that the key is as it was seen last.
// What is begun gets its answer, also when time is up.
func (w *writer) write() {
	ctx := context.Background()
	w.n++
	key := fmt.Sprintf("%sk%d", w.prefix, w.dice.Intn(*keys))
	at := w.known[key]
	value := fmt.Sprintf("%s-%d-%s", w.prefix[len(prefix):], w.n, strings.Repeat("x", w.dice.Intn(*size)))
	op, then := clientv3.OpPut(key, value), change{key, value}
	if at != 0 && w.dice.Intn(5) == 0 {
		op, then = clientv3.OpDelete(key), change{key, ""}
	}
	txn := w.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", at)).Then(op)
	if at != 0 {
		txn = txn.Else(clientv3.OpGet(key))
	}
	begin := time.Now()
	answer, err := txn.Commit()
	took := time.Since(begin)
	if err != nil {
		w.run.failed("write", err)
		w.settle(ctx, then, at)
		return
	}
	if !answer.Succeeded {
		w.run.trouble("a write of %s at %d was refused, though nobody else writes it", key, at)
		w.settle(ctx, change{}, at)
		return
	}
	if at == 0 {
		// kine 0.17.5 answers the creation of a key that was deleted before with the revision of the moment.
		w.run.took(took)
		w.settle(ctx, then, at)
		return
	}
	w.learn(then, answer.Header.Revision)
	w.run.took(took)
	w.run.ack(answer.Header.Revision, then)
}

func (w *writer) learn(c change, revision int64) {
	if c.value == "" {
		delete(w.known, c.key)
	} else {
		w.known[c.key] = revision
	}
}

// Finds out what became of a write that got no answer. A delete's revision shows to the watcher alone.
func (w *writer) settle(ctx context.Context, tried change, at int64) {
	for tried.key != "" {
		answer, err := w.client.Get(ctx, tried.key)
		if err != nil {
			w.run.failed("get", err)
			continue
		}
		switch {
		case len(answer.Kvs) == 0 && tried.value == "":
			delete(w.known, tried.key)
		case len(answer.Kvs) == 0: // never there, and the put did not come through
		case answer.Kvs[0].ModRevision != at:
			w.known[tried.key] = answer.Kvs[0].ModRevision
			w.run.ack(answer.Kvs[0].ModRevision, change{tried.key, string(answer.Kvs[0].Value)})
		}
		return
	}
}

func (w *writer) work(ctx context.Context) {
	every := time.Duration(0)
	if *rate > 0 {
		every = time.Duration(float64(time.Second) * float64(*writers) / *rate)
	}
	for next := time.Now(); ctx.Err() == nil; {
		w.write()
		if every > 0 {
			next = next.Add(every)
			time.Sleep(time.Until(next))
			if time.Since(next) > time.Second {
				next = time.Now() // a hole is not made up for
			}
		}
	}
}

// The watcher goes on behind what it saw when its stream ends.
func (r *run) watch(ctx context.Context, client *clientv3.Client, from int64) {
	next := from + 1
	for ctx.Err() == nil {
		stream := client.Watch(clientv3.WithRequireLeader(ctx), prefix, clientv3.WithPrefix(), clientv3.WithRev(next))
		for answer := range stream {
			if err := answer.Err(); err != nil {
				if errors.Is(err, rpctypes.ErrCompacted) {
					r.trouble("the watch from %d was refused: compacted at %d", next, answer.CompactRevision)
					r.Lock()
					r.relisted++
					r.Unlock()
					next = answer.CompactRevision + 1
				} else if ctx.Err() == nil {
					r.failed("watch", err)
				}
				break
			}
			r.Lock()
			for _, e := range answer.Events {
				c := change{string(e.Kv.Key), string(e.Kv.Value)}
				if e.Type == mvccpb.DELETE {
					c.value = ""
				}
				if e.Kv.ModRevision < next {
					continue // sent again after a restart
				}
				r.order = append(r.order, e.Kv.ModRevision)
				r.seen[e.Kv.ModRevision] = c
				next = e.Kv.ModRevision + 1
			}
			r.Unlock()
		}
	}
}

func (r *run) list(ctx context.Context, client *clientv3.Client, dice *rand.Rand, first int64) {
	for ctx.Err() == nil {
		r.Lock()
		head := r.newest
		r.Unlock()
		// Half of them of late, where nothing may be refused.
		span := head - first
		if dice.Intn(2) == 0 {
			span = min(span, 900)
		}
		if span <= 0 {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		l := listing{revision: head - dice.Int63n(span), keys: map[string]int64{}}
		answer, err := client.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithRev(l.revision))
		if errors.Is(err, rpctypes.ErrCompacted) {
			l.compacted = true
		} else if err != nil {
			if ctx.Err() == nil {
				r.failed("list", err)
			}
			continue
		} else {
			for _, kv := range answer.Kvs {
				l.keys[string(kv.Key)] = kv.ModRevision
			}
		}
		r.Lock()
		l.head = r.newest
		r.listings = append(r.listings, l)
		r.Unlock()
		time.Sleep(5 * time.Millisecond)
	}
}

// Every event against every answer, and every list against the events.
func (r *run) judge(start map[string]int64, kept int64) (wrong, lost, wrongLists, refusedLists int) {
	for revision, c := range r.acked {
		seen, there := r.seen[revision]
		if !there {
			lost++
		} else if seen != c {
			wrong++
		}
	}
	for i := 1; i < len(r.order); i++ {
		if r.order[i] <= r.order[i-1] {
			wrong++
		}
	}
	if !*restarts && len(r.seen) != len(r.acked) {
		wrong += max(0, len(r.seen)-len(r.acked))
	}
	revisions := append([]int64{}, r.order...)
	sort.Slice(revisions, func(i, j int) bool { return revisions[i] < revisions[j] })
	sort.Slice(r.listings, func(i, j int) bool { return r.listings[i].revision < r.listings[j].revision })
	state, next := map[string]int64{}, 0
	for key, revision := range start {
		state[key] = revision
	}
	for _, l := range r.listings {
		for ; next < len(revisions) && revisions[next] <= l.revision; next++ {
			c := r.seen[revisions[next]]
			if c.value == "" {
				delete(state, c.key)
			} else {
				state[c.key] = revisions[next]
			}
		}
		if l.compacted {
			refusedLists++
			// The newest revision may be one that no writer has been told of yet.
			if l.revision >= l.head+int64(*writers)-kept {
				wrongLists++
			}
			continue
		}
		same := len(state) == len(l.keys)
		for key, revision := range state {
			same = same && l.keys[key] == revision
		}
		if !same {
			wrongLists++
			if len(r.troubles) < 20 {
				r.troubles = append(r.troubles, fmt.Sprintf("the list at %d has %d keys, the history %d", l.revision,
					len(l.keys), len(state)))
			}
		}
	}
	return wrong, lost, wrongLists, refusedLists
}

func milliseconds(all []time.Duration, share float64) float64 {
	if len(all) == 0 {
		return 0
	}
	at := min(len(all)-1, int(float64(len(all))*share))
	return float64(all[at].Microseconds()) / 1000
}

func main() {
	flag.Parse()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{*endpoint}, DialTimeout: 20 * time.Second,
		Logger: zap.NewNop()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if *script != "" {
		if err := runScript(client, *script); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	r := &run{acked: map[int64]change{}, seen: map[int64]change{}, troubles: []string{}}
	first, err := client.Get(context.Background(), prefix, clientv3.WithPrefix())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	start := map[string]int64{}
	for _, kv := range first.Kvs {
		start[string(kv.Key)] = kv.ModRevision
	}
	from := first.Header.Revision
	r.newest = from

	ctx, stop := context.WithTimeout(context.Background(), time.Duration(*seconds*float64(time.Second)))
	ctx, stopNow := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	defer stopNow()
	watching, endWatch := context.WithCancel(context.Background())
	var work, watch sync.WaitGroup
	watch.Add(1)
	go func() { defer watch.Done(); r.watch(watching, client, from) }()
	for i := range *writers {
		w := &writer{run: r, client: client, dice: rand.New(rand.NewSource(*seed + int64(i))),
			prefix: fmt.Sprintf("%sw%d/", prefix, i), known: map[string]int64{}}
		for key, revision := range start {
			if strings.HasPrefix(key, w.prefix) {
				w.known[key] = revision
			}
		}
		work.Add(1)
		go func() { defer work.Done(); w.work(ctx) }()
	}
	for i := range *readers {
		work.Add(1)
		go func() {
			defer work.Done()
			r.list(ctx, client, rand.New(rand.NewSource(*seed+1000+int64(i))), from)
		}()
	}
	work.Wait()
	// The watcher gets time to catch up with what was answered last.
	for i := 0; i < 400; i++ {
		r.Lock()
		caught := len(r.acked) == 0 || (len(r.order) > 0 && r.order[len(r.order)-1] >= r.newest)
		r.Unlock()
		if caught {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	endWatch()
	watch.Wait()
	wrong, lost, wrongLists, refusedLists := r.judge(start, 1000)
	sort.Slice(r.latencies, func(i, j int) bool { return r.latencies[i] < r.latencies[j] })
	fine := wrong == 0 && lost == 0 && wrongLists == 0 && len(r.troubles) == 0
	report, _ := json.Marshal(map[string]any{"writes": len(r.acked), "events": len(r.seen), "lost": lost, "wrong": wrong,
		"lists": len(r.listings), "wrong_lists": wrongLists, "refused_lists": refusedLists, "failures": r.failures,
		"relisted": r.relisted, "troubles": r.troubles, "p50_ms": milliseconds(r.latencies, 0.5),
		"p99_ms": milliseconds(r.latencies, 0.99), "longest_ms": milliseconds(r.latencies, 1), "fine": fine})
	fmt.Println(string(report))
	if !fine {
		os.Exit(1)
	}
}
