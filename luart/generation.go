package luart

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	lua "github.com/yuin/gopher-lua"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/api"
	"github.com/caddy-rover/rover/luart/chunk"
	"github.com/caddy-rover/rover/luart/costs"
	"github.com/caddy-rover/rover/luart/expect"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/head"
	"github.com/caddy-rover/rover/luart/hint"
	"github.com/caddy-rover/rover/luart/hopbyhop"
	"github.com/caddy-rover/rover/luart/html"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/loglimit"
	"github.com/caddy-rover/rover/luart/luaval"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/response"
	"github.com/caddy-rover/rover/luart/static"
	"github.com/caddy-rover/rover/luart/stdlib"
	"github.com/caddy-rover/rover/luart/store"
)

// Generation is one loading of a script into a VM: its own globals, libraries and
// modules, and its routes. Any goroutine may call its exported methods.
type Generation struct {
	vm     *VM
	name   string // of the script, in messages
	dir    string // its folder
	number int    // rover.version
	serial uint64 // among all of the VM, failed ones included; the holder's
	logger *zap.Logger

	allowEnv    bool
	timeout     time.Duration
	burst       time.Duration
	maxBody     int64 // of a request, that the script reads
	maxAnswer   int64 // of a response
	maxUpload   int64
	bodyMinRate int64
	respond     bool
	debug       bool

	onFailure  FailPolicy
	quarantine *FailPolicy

	checkUpstream func(string) error
	files         files.Grants
	checkMount    func(*static.Mount) error

	snapshot module.Snapshot

	// The rest is the holder's, but for tree, onError and functions, which do not change
	// once the script has loaded.
	env       *lua.LTable
	domain    stdlib.TrustDomain
	templates *html.Templates
	named     *hint.Names // see names
	life      lifecycle
	api       *api.API // what the script defines
	onError   *handler
	functions functions
	tree      *tree
	callbacks *lua.LTable  // of a Tool
	unrouted  *costs.Route // of requests that only hooks see

	libraries []*lib.Library
	notGiven  []string    // libraries, for hints
	store     store.Store // what they keep between requests
	onRetire  []func()    // of libraries and limits
	onLoaded  []func(lib.Meets) error
	rules     int            // how many limits there are
	byHook    hookLimits     // those whose key a function finds
	hasCORS   bool           // there is a rule of cors
	security  *head.Security // of all responses; nil: the script has not asked for it
	sources   chunk.Files
	exchanges sync.Pool

	schemas expect.Warnings // see warnings; the holder's

	warnedForwarded bool // see Exchange.warnForwarded; the holder's

	idleProducers sync.Map // file:line of each that the log has named, see streaming.rest

	docs       docs
	readiness  readiness
	management management

	wantsBodies atomic.Bool // after hooks may want the bodies of responses that Lua did not make

	background
}

// Store is what libraries and limits of the script keep between requests. Any goroutine may call it.
func (g *Generation) Store() store.Store { return g.store }

// Load runs a script, and its on_check, and returns its generation. A failed load changes
// nothing but what the script itself changed in rover.state before it failed. The error
// wraps a *SyntaxError or a *ScriptError, or says why the VM did not run the script or
// on_check refused it.
func (vm *VM) Load(ctx context.Context, s Script) (*Generation, error) {
	g, err := vm.load(ctx, s)
	if err != nil {
		return nil, err
	}
	return g, nil
}

// load is Load that returns the generation also when it failed: it is retired then, and good
// for nothing but to be looked at.
func (vm *VM) load(ctx context.Context, s Script) (*Generation, error) {
	g := &Generation{
		vm: vm, name: filepath.Base(s.Path), dir: filepath.Dir(s.Path), number: cmp.Or(s.Version, 1), logger: loglimit.Bound(s.Logger),
		allowEnv: s.AllowEnv, timeout: s.Timeout, burst: s.Burst, maxBody: s.MaxBody, maxAnswer: s.MaxBody, maxUpload: cmp.Or(s.MaxUpload, s.MaxBody), bodyMinRate: s.BodyMinRate,
		respond: s.Respond, debug: s.Debug, onFailure: s.OnFailure, quarantine: s.Quarantine, checkUpstream: s.CheckUpstream,
		files: s.Files, checkMount: s.CheckMount,
	}
	g.background = newBackground(vm)
	g.api = api.New(vm.main, vm.types.api)
	g.life.open(g.retired)
	g.snapshot.SetScript(s.Source)
	g.functions, g.libraries, g.notGiven = functions{}, s.Libraries, s.NotGiven
	if g.store = s.Store; g.store == nil {
		g.store = vm.kept
	}
	g.exchanges.New = func() any { return newExchange(g) }
	proto, err := chunk.CompileFor(ctx, s.Source, g.name)
	g.sources.Add(g.name, s.Source, err)
	if err != nil {
		var syntax *chunk.SyntaxError
		if errors.As(err, &syntax) {
			g.explainSyntax(syntax)
		}
		g.cancel(errRetired)
		return g, err
	}
	g.loaded(proto)
	// Not shed: what loads may be the remedy for an overload.
	err = vm.loop.DoAdmitted(func(th *thread) error {
		err := g.run(ctx, th, proto, s)
		if err == nil && !s.dry {
			err = g.check(ctx, th)
		}
		if err == nil {
			vm.live[g] = struct{}{}
			vm.forgetOldCosts()
		} else {
			g.retireHeld()
		}
		return err
	})
	if err != nil {
		g.cancel(errRetired)
		return g, err
	}
	return g, nil
}

// loaded is told of each piece of source that the script consists of. Any goroutine may
// call it.
func (g *Generation) loaded(source *lua.FunctionProto) {
	g.vm.lineCounter.Add(g.dir, &g.sources, source)
	if names(source, wantsBody) {
		g.wantsBodies.Store(true)
	}
}

// run makes the script's environment and runs its top level.
func (g *Generation) run(ctx context.Context, th *thread, proto *lua.FunctionProto, s Script) error {
	vm := g.vm
	vm.loads++
	g.serial = vm.loads
	var getenv func(string) (string, bool)
	if s.AllowEnv {
		getenv = s.getenv
	}
	g.env = stdlib.New(vm.main, stdlib.Hooks{
		Print:   vm.print,
		Write:   vm.write,
		Debug:   vm.debugPrint,
		Flush:   vm.flushLine,
		Getenv:  getenv,
		Resolve: g.snapshot.Resolver(vm.moduleReader(filepath.Dir(s.Path), s.Opened), s.Modules),
		Compile: vm.compileAside,
		Loaded:  g.loaded,
		Read:    g.sources.Add,
		Clock:   vm.clock,
		Seed:    s.Seed,
		Domain:  &g.domain,
	})
	g.templates = html.NewTemplates(g.env)
	g.api.SetHook = g.setHook
	g.api.Rules = map[string]func(*lua.LState, *api.Node){"limit": g.addLimit, "concurrency": g.addConcurrency, "static": g.addStatic}
	g.api.Rules["doc"], g.api.Rules["expect"] = g.addDoc, g.addExpect
	response.Builders{API: g.api, Templates: g.templates, Push: g.pushReply, CheckUpstream: g.checkUpstream, Guard: g.vm.guard}.Add()
	g.api.AddBuilder("idempotent", g.newIdempotent, nil)
	g.api.Rules["cors"] = g.addCORS
	rover, err := g.openRover(s)
	if err != nil {
		return err
	}
	g.env.RawSetString("rover", rover)

	c := &call{gen: g, ctx: ctx}
	if g.timeout > 0 {
		c.deadline = int64(vm.clock.Since(vm.made) + g.timeout)
	}
	vm.start(c, th)
	defer c.done()
	L := th.L
	fn := L.NewFunctionFromProto(proto)
	fn.Env = g.env
	var result lua.LValue
	var serr *ScriptError
	if s.Tool != nil {
		serr = g.openTool(c, s.Tool)
	}
	if serr == nil {
		result, serr = vm.call1(c, fn)
		g.domain.Start = g.domain.Globals(L)
	}
	switch {
	case serr != nil:
	case s.Tool != nil:
		return nil
	case g.api.Root == nil:
		serr = g.unfinished("the script never called rover.server {}")
	case result != lua.LValue(g.api.Value):
		serr = g.unfinished(`the script must end with "return api", it returned a ` + luaval.TypeName(result))
	}
	if serr != nil {
		if better := g.api.ExplainMisread(serr.Message, &g.sources, g.names); better != "" {
			serr.Message = better
		}
		g.explain(serr)
		return serr
	}
	g.api.Close()
	if text := g.api.Misspelt(); text != "" {
		serr = &ScriptError{Status: http.StatusInternalServerError, Message: text}
	}
	if serr == nil {
		serr = g.checkProbes()
	}
	if serr == nil {
		serr = g.checkRules(g.api.Root, nil)
	}
	if serr != nil {
		g.explain(serr)
		return serr
	}
	g.tree = newTree(g.api.Root)
	if serr = g.checkDocs(); serr == nil {
		serr = g.checkLibraries()
	}
	if serr != nil {
		g.explain(serr)
		return serr
	}
	g.openRouteStats()
	return nil
}

// Sources returns what the generation was made of: the script, and the modules that it
// has required until now. Any goroutine may call it.
func (g *Generation) Sources() module.Sources { return g.snapshot.Sources() }

// Version is the script's rover.version.
func (g *Generation) Version() int { return g.number }

// unfinished is the error of a script that has run to its end and is none.
func (g *Generation) unfinished(message string) *ScriptError {
	err := &ScriptError{Status: http.StatusInternalServerError, Message: g.name + ": " + message}
	if f := g.sources.Get(g.name); f != nil {
		err.SetAbout(&chunk.Explanation{File: f, Line: f.LastLine(), Hint: f.EndHint()})
	}
	return err
}

// openRover makes the rover table.
func (g *Generation) openRover(s Script) (*lua.LTable, error) {
	L := g.vm.main
	defer func(env *lua.LTable) { L.Env = env }(L.Env)
	L.Env = g.env
	rover := L.NewTable()
	set := func(name string, v lua.LValue) { rover.RawSetString(name, v) }
	fn := func(name string, f lua.LGFunction) { set(name, L.NewFunction(f)) }
	fn("server", g.server)
	fn("state", g.vm.state)
	fn("matcher", g.register(MatcherFunction))
	fn("policy", g.register(PolicyFunction))
	fn("tls_permission", g.register(PermissionFunction))
	fn("tls_certificate", g.register(CertificateFunction))
	fn("sleep", g.vm.sleep)
	fn("parallel", g.vm.parallel)
	fn("spawn", g.spawnLua)
	fn("after", g.after)
	fn("every", g.every)
	fn("cron", g.cron)
	fn("ready", g.ready)
	set("html", g.templates.Open(L))
	set("log", g.openLog(L))
	set("config", g.openConfig(L, &s))
	set("version", lua.LNumber(g.number))
	if s.dry {
		fn("sleep", drySleep)
	}
	return rover, g.openLibraries(rover, &s)
}

// Begin returns the exchange for a request that a route or a hook of g wants, or nil
// if the request has nothing to do with g. next is what host.Serve passes it on to. It
// must be ended with End.
func (g *Generation) Begin(w http.ResponseWriter, r *http.Request, host Host, next any) *Exchange {
	x := g.exchanges.Get().(*Exchange)
	if x.cors = g.findPreflight(r, &x.match); x.cors == nil {
		g.tree.Find(r, &x.match)
		x.cors = findCORS(r, x.match.Rules)
	}
	if !x.match.Wanted() && !g.respond && g.security == nil && !(r.Method == http.MethodOptions && len(x.match.Known) > 0) {
		x.match.Reset()
		g.exchanges.Put(x)
		return nil
	}
	hopbyhop.Drop(r.Header)
	x.init(w, r, host, next)
	x.haveLastWord()
	if g.tree.HasDone() {
		x.watchDone()
	}
	return x
}

// IsScript reports whether err is about the script, and not about the VM.
func IsScript(err error) bool {
	var syntax *chunk.SyntaxError
	var script *ScriptError
	return errors.As(err, &syntax) || errors.As(err, &script)
}
