//go:build ignore

// Writes fields.txt, what kvctl knows of the messages in which Kubernetes stores its objects: numbers from the
// modules' generated.proto files, JSON names and what may be left out from the tags in their Go types.
//
//	go run make_fields.go > fields.txt
//
// The newest release counts; older ones add the groups, messages and fields that have gone since.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// One release of each minor version, newest first.
var releases = []string{
	"v0.37.2", "v0.36.6", "v0.35.10", "v0.34.13", "v0.33.13", "v0.32.13", "v0.31.14", "v0.30.14", "v0.29.15", "v0.28.15",
	"v0.27.16", "v0.26.15", "v0.25.16", "v0.24.17", "v0.23.17", "v0.22.17", "v0.21.14", "v0.20.15", "v0.19.16", "v0.17.5",
}

var modules = []string{"k8s.io/apimachinery", "k8s.io/api", "k8s.io/apiextensions-apiserver", "k8s.io/kube-aggregator"}

// Messages whose Go types write their own JSON, and the form it has.
var forms = map[string]string{
	"meta.v1.Time": "time", "meta.v1.MicroTime": "microtime", "meta.v1.Duration": "duration",
	"resource.Quantity": "quantity", "resource.QuantityValue": "quantity", "intstr.IntOrString": "int-or-string",
	"runtime.RawExtension": "json", "meta.v1.FieldsV1": "json",
}

func init() {
	for _, version := range []string{"v1", "v1beta1"} {
		group := "apiextensions." + version + "."
		forms[group+"JSON"] = "json"
		forms[group+"JSONSchemaPropsOrArray"] = "either-list"
		forms[group+"JSONSchemaPropsOrStringArray"] = "either-list"
		forms[group+"JSONSchemaPropsOrBool"] = "either-bool"
	}
}

type field struct {
	number    int
	name      string // as in JSON; "^": its content stands one level up; "-": not in JSON
	kind      string // scalar, or a message's short name
	container string // "", "[]" or "{}"
	pointer   bool
	always    bool // written even when empty
	omitZero  bool
}

type message struct {
	form   string // "", a word of `forms`, or "list"
	fields []field
}

// What a release's Go sources of one package say.
type goPackage struct {
	structs map[string]map[int]goField // type, protobuf number
	lists   map[string]bool            // types that are slices
	group   string
}

type goField struct {
	json     string
	embedded bool
	pointer  bool
}

func short(pkg string) string {
	for _, prefix := range []string{"k8s.io.apimachinery.pkg.apis.", "k8s.io.apimachinery.pkg.api.", "k8s.io.apimachinery.pkg.util.", "k8s.io.apimachinery.pkg.",
		"k8s.io.apiextensions_apiserver.pkg.apis.", "k8s.io.kube_aggregator.pkg.apis.", "k8s.io.api."} {
		if rest, found := strings.CutPrefix(pkg, prefix); found {
			return rest
		}
	}
	return pkg
}

func download(module, release string) string {
	out, err := exec.Command("go", "mod", "download", "-json", module+"@"+release).Output()
	if err != nil {
		log.Fatalf("%s@%s: %v", module, release, err)
	}
	var answer struct{ Dir string }
	if err := json.Unmarshal(out, &answer); err != nil {
		log.Fatal(err)
	}
	return answer.Dir
}

func readGo(dir string) goPackage {
	p := goPackage{structs: map[string]map[int]goField{}, lists: map[string]bool{}}
	sources := func(info fs.FileInfo) bool {
		name := info.Name()
		return !strings.HasSuffix(name, "_test.go") && !strings.HasPrefix(name, "zz_") && !strings.HasPrefix(name, "generated.")
	}
	packages, err := parser.ParseDir(token.NewFileSet(), dir, sources, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, pkg := range packages {
		ast.Inspect(pkg, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if len(n.Names) == 1 && n.Names[0].Name == "GroupName" && len(n.Values) == 1 {
					if literal, ok := n.Values[0].(*ast.BasicLit); ok {
						p.group, _ = strconv.Unquote(literal.Value)
					}
				}
			case *ast.TypeSpec:
				switch t := n.Type.(type) {
				case *ast.ArrayType:
					p.lists[n.Name.Name] = true
				case *ast.StructType:
					p.structs[n.Name.Name] = readStruct(t)
				}
			}
			return true
		})
	}
	return p
}

func readStruct(t *ast.StructType) map[int]goField {
	fields := map[int]goField{}
	for _, f := range t.Fields.List {
		if f.Tag == nil {
			continue
		}
		text, _ := strconv.Unquote(f.Tag.Value)
		tag := reflect.StructTag(text)
		parts := strings.Split(tag.Get("protobuf"), ",")
		if len(parts) < 2 {
			continue
		}
		number, err := strconv.Atoi(parts[1])
		if err != nil {
			log.Fatalf("tag %s", text)
		}
		_, pointer := f.Type.(*ast.StarExpr)
		fields[number] = goField{tag.Get("json"), len(f.Names) == 0, pointer}
	}
	return fields
}

var (
	packageLine = regexp.MustCompile(`^package ([\w.]+);`)
	messageLine = regexp.MustCompile(`^message (\w+) {`)
	fieldLine   = regexp.MustCompile(`^  (optional|repeated|required) ([\w.]+) (\w+) = (\d+);`)
	mapLine     = regexp.MustCompile(`^  map<string, ([\w.]+)> (\w+) = (\d+);`)
)

var scalars = map[string]string{"string": "string", "bytes": "bytes", "bool": "bool", "double": "double",
	"int32": "int", "int64": "int", "uint32": "uint", "uint64": "uint"}

// Adds what a generated.proto defines to `all`, unless a newer release has defined it.
func readProto(path string, all map[string]*message, groups map[string]string) {
	file, err := os.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	sources := readGo(filepath.Dir(path))
	var pkg, name string
	var old bool // the message is one that a newer release has as well
	known := map[string]bool{}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if m := packageLine.FindStringSubmatch(line); m != nil {
			pkg = m[1]
			version := pkg[strings.LastIndex(pkg, ".")+1:]
			if sources.group != "" || strings.HasSuffix(pkg, "api.core.v1") {
				api := strings.TrimPrefix(sources.group+"/"+version, "/")
				groups[api] = short(pkg)
			}
		} else if m := messageLine.FindStringSubmatch(line); m != nil {
			name = m[1]
			full := short(pkg) + "." + name
			_, old = all[full]
			known = map[string]bool{}
			if !old {
				all[full] = &message{form: forms[full]}
				if sources.lists[name] {
					all[full].form = "list"
				}
			}
			for _, f := range all[full].fields {
				known[f.name] = f.name != "^"
				known["#"+strconv.Itoa(f.number)] = true
			}
		} else if m := fieldLine.FindStringSubmatch(line); m != nil {
			f := field{name: m[3], kind: m[2]}
			f.number, _ = strconv.Atoi(m[4])
			if m[1] == "repeated" {
				f.container = "[]"
			}
			addField(all, pkg, name, f, sources, known, old)
		} else if m := mapLine.FindStringSubmatch(line); m != nil {
			f := field{name: m[2], kind: m[1], container: "{}"}
			f.number, _ = strconv.Atoi(m[3])
			addField(all, pkg, name, f, sources, known, old)
		} else if strings.HasPrefix(line, "  ") && strings.HasSuffix(line, ";") {
			if text := strings.TrimSpace(line); !strings.HasPrefix(text, "//") && !strings.HasPrefix(text, "reserved ") {
				log.Fatalf("%s: %s", path, line)
			}
		}
	}
}

func addField(all map[string]*message, pkg, name string, f field, sources goPackage, known map[string]bool, old bool) {
	if scalar, found := scalars[f.kind]; found {
		f.kind = scalar
	} else if rest := strings.TrimPrefix(f.kind, "."); strings.Contains(rest, ".") {
		dot := strings.LastIndex(rest, ".")
		f.kind = short(rest[:dot]) + rest[dot:]
	} else {
		f.kind = short(pkg) + "." + f.kind
	}
	full := short(pkg) + "." + name
	// A message that wraps a list, and those with a form of their own, have no JSON names.
	if g, found := sources.structs[name][f.number]; found && forms[full] == "" {
		words := strings.Split(g.json, ",")
		f.pointer = g.pointer
		f.always = !old
		for _, word := range words[1:] {
			f.omitZero = f.omitZero || word == "omitzero"
			f.always = f.always && word != "omitempty" && word != "omitzero"
		}
		if g.embedded && words[0] == "" {
			f.name, f.always = "^", false
		} else if words[0] != "" {
			f.name = words[0]
		}
	}
	if known[f.name] || known["#"+strconv.Itoa(f.number)] {
		return
	}
	all[full].fields = append(all[full].fields, f)
}

func main() {
	log.SetFlags(0)
	all := map[string]*message{}
	groups := map[string]string{}
	for _, release := range releases {
		for _, module := range modules {
			err := filepath.WalkDir(download(module, release), func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.Name() == "generated.proto" && !strings.Contains(path, "testapigroup") && !strings.Contains(path, "/examples/") {
					readProto(path, all, groups)
				}
				return err
			})
			if err != nil {
				log.Fatal(err)
			}
		}
	}
	write(all, groups)
}

func write(all map[string]*message, groups map[string]string) {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	fmt.Fprintf(out, "# Field numbers and JSON names of the messages in which Kubernetes stores its objects.\n"+
		"# Made by make_fields.go from k8s.io/api and its kin, %s back to %s; never edited by hand.\n"+
		"# A field: number, name in JSON (^: its content stands one level up, -: not there), type. Of a type: [] list, {} map,\n"+
		"# * may be absent, ! written even when empty, ~ left out when empty; a message without a package is of its own one.\n",
		releases[0], releases[len(releases)-1])
	for _, api := range sorted(groups) {
		fmt.Fprintf(out, "group %s %s\n", api, groups[api])
	}
	for _, name := range sorted(all) {
		m := all[name]
		fmt.Fprintf(out, "message %s", name)
		if m.form != "" {
			fmt.Fprintf(out, " %s", m.form)
		}
		fmt.Fprintln(out)
		sort.Slice(m.fields, func(i, j int) bool { return m.fields[i].number < m.fields[j].number })
		for _, f := range m.fields {
			kind := f.container
			if f.pointer {
				kind += "*"
			}
			kind += strings.TrimPrefix(f.kind, name[:strings.LastIndex(name, ".")+1])
			if f.always {
				kind += "!"
			}
			if f.omitZero {
				kind += "~"
			}
			fmt.Fprintf(out, "%d %s %s\n", f.number, f.name, kind)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
