"""Twenty weeks of a small cluster, as its API server would have written them: each write with its made time.

Nothing happens for long: kubelets renew their leases, something writes one object daily without changing it. In one
week two controllers fight over an annotation, in another an operator renews its lease every two seconds, and from one
week on a controller makes pods and leaves them."""
import base64
import json

from .kube_objects import Writer, api_pairs, custom, instant, lease_spec, message_of, own, text

WEEKS = 20
DAY, WEEK = 86400, 7 * 86400
BEGIN = instant("2026-12-03T00:00:00Z")     # a Thursday, as the weeks of a plot are; behind all times of testdata/kube
END = BEGIN + WEEKS * WEEK
FIGHT_BEGIN, FIGHT_WRITES, FIGHT_EVERY = BEGIN + 6 * WEEK + 2 * DAY + 8 * 3600, 120, 30
STORM_BEGIN, STORM_WRITES, STORM_EVERY = BEGIN + 11 * WEEK + 4 * DAY + 12 * 3600, 301, 2
GROWTH_WEEK, GROWTH_EVERY = 16, 900

CORPUS, SHARED = "/registry/corpus/", "/registry/configmaps/default/shared"
OPERATOR, APP = "/registry/leases/kube-system/operator", "/registry/argoproj.io/applications/argocd/app"
SECRET, PODS = "/registry/secrets/default/token", "/registry/pods/jobs/"
NODE_LEASES = "/registry/leases/kube-node-lease/"
CUT, STRAY = "/registry/configmaps/default/cut", "/registry/configmaps/default/stray"
HIDDEN = "correct-horse-battery"
OWNER = "example.com/owner"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
OWNED = {"f:metadata": {"f:annotations": {"f:" + OWNER: {}}}}
RENEWS = {"f:spec": {"f:renewTime": {}}}


class Write:
    def __init__(self, seconds, key, value, writer):
        self.seconds, self.key, self.value, self.writer = seconds, key, value, writer
        self.revision = None

    def line(self):
        value = {} if self.value is None else {"value": base64.b64encode(self.value).decode()}
        return json.dumps({"key": self.key, **value})


class History:
    """`writes` in order of time; `corpus`: what each key of the API's own objects must decode to."""

    def __init__(self):
        self.writes, self.corpus = [], {}
        self.config, self.lease, self.pod = own("configmap"), own("lease"), own("pod")
        for part in (self.install, self.nodes, self.no_ops, self.fight, self.storm, self.growth):
            part()
        self.writes.sort(key=lambda w: w.seconds)

    def add(self, seconds, key, value, writer):
        self.writes.append(Write(seconds, key, value, writer))

    def install(self):
        """One of each kind that there is, a secret, and two values that are wrong."""
        at = BEGIN
        for n, pair in enumerate(api_pairs()):
            name, writers = "object-%d" % n, [Writer("installer", at, {})]
            key = CORPUS + "testing/" + name
            self.add(at, key, pair.stored("testing", name, at, writers), "installer")
            self.corpus[key] = pair.shown("testing", name, at, writers)
            at += 2
        by = [Writer("installer", at, {})]
        self.shared = at
        self.add(at, SHARED, self.config.stored("default", "shared", at, by, {OWNER: "nobody"}), "installer")
        def secret(body):
            return body[:1] + [text(2, message_of([text(1, "token"), text(2, HIDDEN)]))]
        by = [Writer("installer", at + 2, {})]
        self.add(at + 2, SECRET, self.config.stored("default", "token", at, by, {LAST_APPLIED: HIDDEN}, secret, "Secret"),
                 "installer")
        whole = self.config.stored("default", "cut", at, [Writer("installer", at + 4, {})])
        self.add(at + 4, CUT, whole[:len(whole) // 2], "(unknown)")
        self.add(at + 6, STRAY, self.config.stored("default", "elsewhere", at, [Writer("installer", at + 6, {})]), "installer")
        self.add(BEGIN + 3 * DAY, CORPUS + "testing/object-3", None, "(unknown)")
        del self.corpus[CORPUS + "testing/object-3"]

    def renew(self, seconds, key, created, holder, writers, writer):
        namespace, name = key.split("/")[-2:]
        value = self.lease.stored(namespace, name, created, writers, change=lease_spec(holder, 40, seconds))
        self.add(seconds, key, value, writer)

    def nodes(self):
        for i, node in enumerate(("n1", "n2")):
            made = BEGIN + 3600 + 10 * i
            for at in range(made, END, DAY // 2):
                self.renew(at, NODE_LEASES + node, made, node, [Writer("kubelet", made, RENEWS)], "kubelet")

    def no_ops(self):
        made = BEGIN + 7200
        for at in range(made, END, DAY):
            value = custom("argoproj.io/v1alpha1", "Application", "argocd", "app", made, [Writer("argocd", at, {})], {"a": 1})
            self.add(at, APP, value, "argocd")

    def fight(self):
        names, times = ("ctrl-a", "ctrl-b"), {}
        for n in range(FIGHT_WRITES):
            at, name = FIGHT_BEGIN + n * FIGHT_EVERY, names[n % 2]
            times[name] = at
            writers = [Writer(other, times[other], OWNED) for other in names if other in times]
            self.add(at, SHARED, self.config.stored("default", "shared", self.shared, writers, {OWNER: name}), name)

    def storm(self):
        for n in range(STORM_WRITES):   # nobody's managedFields: its holder is who writes
            self.renew(STORM_BEGIN + n * STORM_EVERY, OPERATOR, STORM_BEGIN, "operator-0", [], "operator-0")

    def growth(self):
        for n, at in enumerate(range(BEGIN + GROWTH_WEEK * WEEK + 60, END, GROWTH_EVERY)):
            name = "job-%d" % n
            self.add(at, PODS + name, self.pod.stored("jobs", name, at, [Writer("job-controller", at, {})]), "job-controller")

    def of(self, writer=None, key=None):
        return [w for w in self.writes if (writer is None or w.writer == writer) and (key is None or w.key.startswith(key))]

    def week(self, number):
        return [w for w in self.writes if BEGIN + number * WEEK <= w.seconds < BEGIN + (number + 1) * WEEK]

    def newest_at(self, seconds):
        """The last write not after a time."""
        return [w for w in self.writes if w.seconds <= seconds][-1]
