package integration_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caddy-rover/rover"

// imports is what each package of the module may import: "package (others): ours". Ours are
// packages of the module, "." is its root. Others are lua (gopher-lua), caddy, x (golang.org/x)
// and more, which is any other module; the standard library is for all. A line that begins with
// a space goes on with the one before. What tests import does not count.
//
// A package that is not here fails TestImports: a new one is a new line, with no more than it
// needs. So is one that is here and not there any more.
const imports = `
.: internal/admin internal/cli internal/handler internal/logformat internal/upstream
caddyfile (caddy more): internal/gcfloor luart luart/environ luart/geo luart/lib/all luart/outbound luart/proxy luart/spelling
cmd/caddy (caddy): .
eventloop:
integration_test: luart/geo/geotest
integration_test/load:
internal/admin (caddy more): eventloop internal/scripts luart luart/memory luart/openapi luart/scripterror
	luart/costs
internal/caddyenv (caddy):
internal/cli (caddy x more): caddyfile internal/admin internal/caddyenv internal/handler
	internal/libraries internal/logformat internal/scripts internal/upstream internal/watch luart
	luart/coverage luart/environ luart/files luart/geo luart/lib/all luart/lint luart/module luart/openapi luart/outbound luart/scripterror
	luart/scripttest luart/spelling luart/types
internal/gcfloor (more):
internal/handler (caddy x more): caddyfile eventloop internal/caddyenv internal/gcfloor internal/libraries
	internal/scripts internal/upstream luart luart/clock luart/costs luart/coverage luart/handshake
	luart/head luart/lib luart/lib/http
	luart/lib/metrics luart/lib/session luart/loglimit luart/openapi luart/outbound luart/persist luart/policy luart/reqbody
	luart/environ luart/files luart/health luart/resilience luart/scripttest luart/spelling luart/static luart/store luart/trace
internal/logformat (caddy x more):
internal/libraries (caddy): caddyfile luart/lib luart/lib/all
internal/needs:
internal/scripts (caddy more): eventloop internal/watch luart luart/geo luart/giveup luart/health luart/memory
	luart/module luart/persist luart/resilience luart/state luart/store luart/scripterror
internal/upstream (caddy x more): internal/upstream/lean luart luart/clock luart/reqbody luart/resilience
	luart/spelling
internal/upstream/lean (x):
internal/watch (more): luart/giveup luart/module
luart (lua x more): eventloop luart/api luart/bodyfilter luart/budget luart/chunk luart/clock
	luart/conditional luart/cookie luart/cors luart/costs luart/coverage luart/cron luart/deadlock
	luart/debugpage luart/done luart/environ luart/expect luart/files luart/formdata luart/geo luart/glua luart/handshake luart/health luart/health/option
	luart/head luart/hint
	luart/hopbyhop luart/html luart/idempotency luart/jsonlua luart/lib luart/limit luart/loglimit
	luart/luaval luart/memory luart/mirror luart/module luart/openapi luart/openapi/option luart/outbound luart/policy luart/profile
	luart/proxy luart/reqbody luart/request luart/resilience luart/response luart/route luart/schema
	luart/scripterror
	luart/spelling luart/state luart/static luart/stdlib luart/store luart/trace luart/urltext
luart/address (more):
luart/api (lua): luart/chunk luart/hint luart/luaval luart/route luart/spelling
luart/auth (more): luart/keys luart/secrets
luart/bodyfilter (more):
luart/budget (lua more): luart/luaval
luart/certificate (lua):
luart/chunk (lua): luart/glua luart/luac luart/luaval luart/route
luart/clock:
luart/conditional:
luart/cookie:
luart/cors:
luart/costs:
luart/coverage (lua): luart/chunk luart/glua luart/luaval
luart/cron (more):
luart/deadlock: luart/lib
luart/debugpage: luart/chunk luart/scripterror
luart/done: eventloop luart/bodyfilter
luart/expect (lua more): luart/jsonlua luart/luaval luart/schema luart/spelling
luart/environ:
luart/files: luart/giveup
luart/formdata (lua): luart/luaval luart/reqbody
luart/geo (more): luart/address luart/files
luart/geo/geotest (more): luart/geo
luart/giveup:
luart/glua (lua): luart/luaval
luart/handshake (x more):
luart/head:
luart/health:
luart/health/option (lua): luart/health luart/luaval
luart/hint (lua): luart/chunk luart/route luart/spelling
luart/hopbyhop:
luart/html (lua): luart/chunk luart/luaval
luart/idempotency: luart/store
luart/jsonlua (lua): luart/luaval
luart/keys:
luart/lib (lua more): luart/environ luart/files luart/geo luart/limit luart/store luart/clock luart/luaval luart/outbound
luart/lib/all (lua): luart/jsonlua luart/lib luart/lib/fs luart/lib/crypto luart/lib/encoding luart/lib/env
	luart/lib/http luart/lib/metrics luart/lib/re luart/lib/redis luart/lib/shared luart/lib/store luart/lib/geo luart/lib/ip luart/lib/jq luart/lib/limit luart/lib/time luart/lib/url
	luart/lib/auth luart/lib/cookie luart/lib/guard luart/lib/password luart/lib/session luart/lib/webhook
	luart/luaval
luart/lib/auth (lua x more): luart/auth luart/jsonlua luart/lib luart/lib/oidc luart/luaval luart/outbound
luart/lib/cookie (lua): luart/cookie luart/lib luart/luaval luart/urltext
luart/lib/crypto (lua more): luart/certificate luart/keys luart/lib luart/luaval luart/sealed
luart/lib/encoding (lua): luart/luaval
luart/lib/env (lua): luart/environ luart/lib luart/luaval
luart/lib/fs (lua): luart/files luart/giveup luart/lib luart/luaval
luart/lib/geo (lua): luart/address luart/geo luart/lib luart/luaval
luart/lib/guard (lua): luart/expect luart/lib luart/luaval luart/schema
luart/lib/http (lua x): luart/jsonlua luart/lib luart/lib/url luart/luaval luart/outbound
	luart/resilience luart/resilience/option luart/urltext
luart/lib/ip (lua): luart/address luart/lib luart/luaval luart/outbound
luart/lib/jq (lua more): luart/jsonlua luart/lib luart/lib/re luart/luaval
luart/lib/limit (lua): luart/lib luart/limit luart/luaval luart/store
luart/lib/metrics (lua more): luart/lib luart/luaval
luart/lib/oidc (lua x more): luart/auth luart/cookie luart/jsonlua luart/lib luart/lib/session luart/luaval
	luart/oidc luart/outbound luart/sealed luart/store
luart/lib/password (lua more): luart/lib luart/luaval luart/password
luart/lib/re (lua): luart/bodyfilter luart/luaval
luart/lib/redis (lua more): luart/lib luart/lib/subscription luart/luaval luart/outbound luart/redis
luart/lib/session (lua more): luart/cookie luart/cors luart/lib luart/lib/store luart/luaval luart/session luart/store
luart/lib/shared (lua more): luart/lib luart/lib/store luart/luaval luart/sharedlock luart/store
luart/lib/store (lua): luart/lib luart/lib/subscription luart/luaval luart/state luart/store
luart/lib/subscription (lua): luart/lib luart/luaval
luart/lib/time (lua): luart/clock luart/luaval
luart/lib/url (lua): luart/luaval luart/urltext
luart/lib/webhook (lua): luart/lib luart/luaval luart/webhook
luart/limit: luart/clock luart/store
luart/lint (lua): luart luart/api luart/chunk luart/hint luart/luaval luart/module luart/route
	luart/spelling luart/scripterror
luart/loglimit (lua more): luart/jsonlua luart/luaval
luart/luac (lua): luart/glua
luart/libtest: luart luart/lib
luart/luarttest (lua): luart/luaval
luart/luaval (lua x): luart/spelling
luart/memory (lua more): luart/glua luart/lib luart/luaval
luart/mirror (more): luart/clock luart/reqbody
luart/module (lua): luart/giveup luart/stdlib
luart/oidc (x more): luart/auth luart/sealed
luart/oidc/oidctest (more):
luart/openapi: luart/schema
luart/openapi/option (lua): luart/expect luart/health luart/luaval luart/openapi
luart/outbound (x more): internal/upstream/lean luart/resilience
luart/password (x):
luart/pattern:
luart/persist: luart/giveup
luart/policy (lua): luart/luaval
luart/profile (lua more): luart/chunk luart/glua
luart/proxy (lua): luart/luaval luart/resilience luart/resilience/option luart/urltext
luart/redis (more): luart/spelling luart/topics
luart/reference:
luart/reqbody (x): luart/clock
luart/request (lua more): luart/certificate luart/cookie luart/luaval luart/route luart/urltext
luart/resilience (more): luart/clock
luart/resilience/option (lua x): luart/luaval luart/resilience
luart/response (lua x): luart/api luart/bodyfilter luart/chunk luart/cookie luart/expect luart/html
	luart/jsonlua luart/luaval luart/proxy luart/reqbody luart/resilience luart/scripterror luart/urltext
luart/route:
luart/schema (more):
luart/scripterror (lua more): luart/chunk luart/expect luart/jsonlua luart/loglimit luart/luaval
	luart/schema
luart/scripttest (x more): luart luart/chunk luart/clock luart/coverage luart/geo luart/lib luart/module
	luart/outbound luart/policy luart/scripterror luart/types
luart/sharedlock: luart/store
luart/spelling:
luart/sealed: luart/secrets
luart/session: luart/sealed luart/varint
luart/state (lua): luart/glua luart/luaval
luart/static (lua x): luart/files luart/luaval
luart/stdlib (lua): luart/chunk luart/clock luart/glua luart/luaval luart/pattern
luart/store (more): luart/clock luart/redis luart/topics luart/varint
luart/store/storetest (more): internal/needs luart/store
luart/topics:
luart/trace: luart/loglimit
luart/types:
luart/urltext:
luart/varint:
luart/secrets:
luart/webhook: luart/secrets
`

// Each package imports what it may, and no more: see imports.
func TestImports(t *testing.T) {
	rules := strings.ReplaceAll(strings.TrimSpace(imports), "\n\t", " ")
	allowed := map[string]map[string]bool{}
	for rule := range strings.Lines(rules) {
		head, ours, ok := strings.Cut(rule, ":")
		pkg, others, _ := strings.Cut(strings.TrimSuffix(head, ")"), " (")
		if !ok || allowed[pkg] != nil {
			t.Fatalf("the rule %q has no colon, or is the second one of its package", rule)
		}
		allowed[pkg] = map[string]bool{}
		for _, name := range strings.Fields(ours) {
			allowed[pkg][name] = true
		}
		for _, kind := range strings.Fields(others) {
			allowed[pkg]["("+kind+")"] = true
		}
	}
	list := strings.Split(goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./..."), "\n")
	if len(list) < 10 {
		t.Fatalf("the module has the packages %q only?", list)
	}
	for _, line := range list {
		path, imports, _ := strings.Cut(line, " ")
		pkg := ours(path)
		may, known := allowed[pkg]
		delete(allowed, pkg)
		var needs, others []string
		for _, imp := range strings.Fields(imports) {
			name := ours(imp)
			if name != "" {
				needs = append(needs, name)
			} else if name = kindOf(imp); name != "" {
				others = append(others, strings.Trim(name, "()"))
			}
			if name != "" && known && !may[name] {
				t.Errorf("package %s must not import %s", pkg, imp)
			}
		}
		if !known {
			slices.Sort(others)
			t.Errorf("package %s is new. If it may import all that it does, this is its line: %s (%s): %s",
				pkg, pkg, strings.Join(slices.Compact(others), " "), strings.Join(needs, " "))
		}
	}
	for pkg := range allowed {
		t.Errorf("there is no package %s any more: remove its line from imports", pkg)
	}
}

// ours returns the name in imports of a package of the module, "" for any other.
func ours(path string) string {
	if path == module {
		return "."
	}
	name, _ := strings.CutPrefix(path, module+"/")
	if name == path {
		return ""
	}
	return name
}

// kindOf returns what a package of another module counts as in imports, "" for the standard
// library.
func kindOf(path string) string {
	for prefix, kind := range map[string]string{
		"github.com/yuin/gopher-lua": "(lua)", "github.com/caddyserver/": "(caddy)", "golang.org/x/": "(x)",
	} {
		if strings.HasPrefix(path, prefix) {
			return kind
		}
	}
	if host, _, _ := strings.Cut(path, "/"); strings.Contains(host, ".") {
		return "(more)"
	}
	return ""
}

// Every package has one package comment, which begins with its name.
func TestPackageComments(t *testing.T) {
	packages := strings.Fields(goList(t, "-f", "{{.Dir}}", "./..."))
	if len(packages) < 4 {
		t.Fatalf("found packages %v", packages)
	}
	for _, dir := range packages {
		files, _ := filepath.Glob(filepath.Join(dir, "*.go"))
		var comments []string
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, src, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if f.Doc != nil {
				comments = append(comments, f.Doc.Text())
			}
		}
		if len(comments) != 1 || !strings.HasPrefix(comments[0], "Package ") && !strings.HasPrefix(comments[0], "Command ") {
			t.Errorf("%s has %d package comments, or one that begins otherwise", dir, len(comments))
		}
	}
}
