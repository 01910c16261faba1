package caddyfile

import (
	"cmp"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// The defaults. SetDefaults puts them where the configuration has a zero.
const (
	// DefaultBatch is 32 tasks: some 20 µs of small handlers (0.65 µs of VM time
	// each), long enough to share the cost of waking a drain goroutine, short
	// enough that other goroutines of the process do not notice it.
	DefaultBatch = 32

	// DefaultQueue is 4096 tasks: at 2 to 3 µs a task the last of a full ring
	// waits about 10 ms, so a refusal means overload and not a passing peak.
	DefaultQueue = 4096

	// DefaultQueueTimeout is 5 seconds: a person has given up or reloaded by then, and
	// a full queue that moves at all is served long before, even at a millisecond a
	// task (4 s). What waits longer is behind runaways, and better told so.
	DefaultQueueTimeout = 5 * time.Second

	// DefaultMaxWaiting is 10000 requests: a waiting handler takes some 20 KB with its
	// Lua thread, its goroutine and its connection, so 200 MB in all.
	DefaultMaxWaiting = 10_000

	// DefaultTimeout is half of 60s, the usual patience of balancers and proxies
	// in front: they get the 504 instead of guessing.
	DefaultTimeout = 30 * time.Second

	// DefaultBurst is a thousand times what a busy handler needs (1 ms), and no
	// longer than a person waits without wondering: one runaway script delays
	// everyone else by at most this.
	DefaultBurst = time.Second

	// DefaultMaxBody is what nginx accepts unasked, and far more than JSON or a form
	// needs. A body that Lua reads lies in memory: 1,000 requests may hold 1 GiB.
	DefaultMaxBody = 1 << 20

	// DefaultBodyMinRate is 1 KiB a second: the slowest mobile network has more, and at
	// this rate nobody fills the places for bodies with a few connections.
	DefaultBodyMinRate = 1 << 10
)

// What Config.Unmatched accepts.
const (
	UnmatchedPass    = "pass"
	UnmatchedRespond = "respond"
)

// What Config.OnFailure and Config.Quarantine accept.
const (
	FailClosed = "closed"
	FailPass   = "pass"
	Fail500    = "500"
)

// Config is what an operator may set on one rover directive:
//
//	{
//		"handler": "rover",
//		"script": "app.lua",
//		"queue": 8192,
//		"timeout": "10s",
//		"set": {"region": "{env.REGION}"}
//	}
type Config struct {
	// The Lua script that answers the requests. Required. JSON: a relative path
	// starts at the working directory of the Caddy that runs it. Caddyfile: at the
	// folder of the file that the directive stands in; the JSON that it is adapted
	// to has the absolute path, unless it begins with a placeholder.
	Script string `json:"script,omitempty"`

	// The name of the VM that runs the script. Directives with one name share one
	// VM with all of its state, also across reloads. Default: the script's absolute
	// path. Control characters are refused.
	Name string `json:"name,omitempty"`

	// What happens to a request that no route of the script wants: "pass" hands it
	// to the next Caddy handler, "respond" answers 404, or 405 with Allow where only
	// the method is unknown. Default: "pass".
	Unmatched string `json:"unmatched,omitempty"`

	// The most queued requests that are run in a row before other goroutines have the
	// processor, and those that waited inside Lua their turn. It never waits for a batch to fill. A count, 1 to 1024; 0 means the
	// default, 32. Clients see no refusal from it: a higher value favours
	// throughput, a lower one the latency of everything else in the process.
	Batch int `json:"batch,omitempty"`

	// The most requests of one priority that are queued for the VM at once. A count,
	// 1 to 65536; 0 means the default, 4096. Past it a request is refused before any
	// Lua runs: 503 with Retry-After, the time in which what is queued will be served
	// (1 to 30 seconds). A route that takes more than half of the queue is refused
	// in the same way, so that one slow route leaves room for the others.
	Queue int `json:"queue,omitempty"`

	// How long a request may be queued for the VM. A duration of at least 1ms; 0 means
	// the default, 5s. Past it the request is refused, and no Lua runs for it: 503 with
	// Retry-After.
	QueueTimeout caddy.Duration `json:"queue_timeout,omitempty"`

	// The most requests that wait inside Lua (rover.sleep, a request to another
	// service) at once. A count, 1 to 1000000; 0 means the default, 10000. Past it a
	// new request is refused before any Lua runs: 503 with Retry-After. Those that
	// have begun go on, and may wait. Each holds some 20 KB of memory. One route gets
	// half of them, and one, a second half of what is left, so that slow routes leave room
	// for others and for guards.
	MaxWaiting int `json:"max_waiting,omitempty"`

	// The priority of a request that is queued for the VM: a string with placeholders,
	// replaced for every request, such as "{vars.class}". "high" goes before all
	// others, "low" after them, anything else is normal. Each priority has a queue of
	// its own, and one of 16 turns when the VM is busy, so none starves. Default: all
	// are normal.
	//
	// WARNING: a client can send any header. Take the priority from vars or map, or
	// from a header that a proxy in front sets or removes.
	Priority string `json:"priority,omitempty"`

	// How long one request may spend in Lua, waiting included. A duration of at
	// least 1ms; 0 means the default, 30s. A number without a unit is nanoseconds.
	// Past it the request is cancelled: 504.
	Timeout caddy.Duration `json:"timeout,omitempty"`

	// The longest stretch of VM time without a wait. No other request runs Lua
	// meanwhile, so this bounds what one runaway script costs the others. A
	// duration from 1ms to 1m, not longer than timeout; 0 means the default, 1s, or
	// timeout if that is shorter. Past it that one request ends: 500, with the
	// traceback in the log.
	Burst caddy.Duration `json:"burst,omitempty"`

	// The largest body that Lua reads whole, of a request or of an upstream's
	// response. Bodies that Lua does not read are not limited. Bytes, 1 to 1073741824
	// (1 GiB); 0 means the default, 1048576 (1 MiB). Past it a request is answered
	// 413. Each body read is held in memory for as long as its request lasts.
	MaxBody int64 `json:"max_body,omitempty"`

	// The largest multipart/form-data body that Lua reads with ctx:multipart(). Bytes, 1 to
	// 1099511627776 (1 TiB); 0 means the default, max_body. Past it a request is answered
	// 413. Each body past 64 KiB is kept in a file in the system's folder for temporary
	// files (TMPDIR) for as long as its request lasts.
	MaxUpload int64 `json:"max_upload,omitempty"`

	// How fast a client must send a body that Lua waits for. Bytes per second, 1 to
	// 1073741824 (1 GiB); 0 means any rate will do. Default: 1024 (1 KiB). A client may be
	// late by 10 seconds in all, and what it sends at this rate or faster makes up for it.
	// Past that the request ends: 408, and an HTTP/1 connection is closed. Bodies that
	// stream to an upstream without a script that waits are Caddy's to limit.
	BodyMinRate *int64 `json:"body_min_rate,omitempty"`

	// What the scripts of the VM may keep alive together, in rover.state, in globals and
	// locals, in caches and channels: an estimate, counted every few seconds. Bytes,
	// 1048576 (1 MiB) to 1099511627776 (1 TiB); 0, the default, means no limit. Past it
	// requests are refused before any Lua runs, 503 with Retry-After, until the scripts
	// keep less. One stretch of VM time that makes the process' heap grow by more than it
	// (with no limit: 512 MiB, or half of GOMEMLIMIT if that is less) ends its request: 500.
	Memory int64 `json:"memory,omitempty"`

	// What becomes of a request when its route fails in Lua: an error that is not caught,
	// a timeout, the end of its burst. "closed" answers with an error. "pass" passes the
	// request on as it came, and sends a response as it was when an after hook fails.
	// Hooks before a route are guards and always fail closed. An answer that the script
	// chose, error{status=...}, is no failure. Default: "closed".
	OnFailure string `json:"on_failure,omitempty"`

	// What becomes of requests whose Lua function has been ended three times within a
	// minute because it used up its burst or too much memory. For 30s it is not called:
	// "500" answers with an error, "pass" passes the request on, though not past a guard
	// in quarantine. Default: such functions are called like any other.
	Quarantine string `json:"quarantine,omitempty"`

	// What the script may do beyond computing, answering and proxying: "env" reads
	// environment variables, "fs" uses the files in the folders of allow_fs, "net" connects
	// to other hosts. "process" is accepted and grants nothing yet. Default: nothing. Each
	// may be named once.
	//
	// WARNING: a grant is as wide as the user that runs Caddy.
	Allow []string `json:"allow,omitempty"`

	// Which variables the script may read, where allow has "env": names, and beginnings of
	// names with a * behind them ("APP_*"). Default: all.
	AllowEnv []string `json:"allow_env,omitempty"`

	// The folders whose files the script may use, where allow has "fs", and those below
	// them. Nothing leads out of them, also no symbolic link.
	AllowFS []Folder `json:"allow_fs,omitempty"`

	// What the script may connect to, where allow has "net": host names
	// ("api.example.com"), names below a domain ("*.example.com"), IP addresses and
	// prefixes ("10.0.0.0/8"), each with ":port" behind it or for every port. Default:
	// everything. A rule for a name does not reach loopback, link-local and metadata
	// addresses, nor a wildcard private ones: those need a rule with the address. See
	// package luart/outbound. Past it a request of the script fails: "forbidden: …".
	AllowNet []string `json:"allow_net,omitempty"`

	// A key for requests that ask what happens to them. One that carries a header
	// Rover-Explain signed with it, which "caddy rover explain" makes, gets its story in a
	// header of the response, and in the log: route, hooks, what they returned,
	// connections, times. A string of at least 16 bytes with placeholders, replaced when
	// the configuration is loaded, such as "{env.EXPLAIN_KEY}". Default: nobody is told.
	Explain string `json:"explain,omitempty"`

	// Values for the script, at rover.config.<key>. Placeholders in the values are
	// replaced once, when the configuration is loaded; one that is not known, or empty, is an
	// error. Keys must not be empty.
	Set map[string]string `json:"set,omitempty"`

	// Databases of MaxMind's format (.mmdb) that say where addresses are, for rover.geo, with
	// placeholders. At most 8 files of at most 512 MiB, which are read into memory once,
	// whoever names them. What stands first is asked first. Relative paths start where those of
	// scripts do. A file that is missing or damaged is an error, and what runs goes on with what
	// it has. Each reload takes what is there then. Default: none.
	Geo []string `json:"geo,omitempty"`

	// Libraries of Lua functions that are Caddy modules, by name: a script finds the module
	// rover.libraries.<name> at rover.<name>. Directives whose scripts share a VM give a
	// library the same settings. Default: what Rover has itself, which every script has.
	LibrariesRaw caddy.ModuleMap `json:"libraries,omitempty" caddy:"namespace=rover.libraries"`

	// Whether the scripts of the VM are reloaded when the script, or a module that it has
	// required, changes on disk. One that does not load leaves what runs as it is; the log
	// and "caddy rover status" say why. Default: false.
	Watch bool `json:"watch,omitempty"`

	// How often the files are looked at, instead of being told of changes by the system,
	// which does not work where other machines write them (NFS, some containers). A
	// duration, 10ms to 1h, and needs watch; 0, the default, means that the system tells.
	WatchInterval caddy.Duration `json:"watch_interval,omitempty"`

	// Whether and how rover.state, and the store in the VM, are saved in Caddy's storage and
	// restored when the VM begins: see Persist. It holds for all scripts of the VM; directives with one name that
	// both say it must say the same. Default: rover.state ends with the process.
	Persist *Persist `json:"persist,omitempty"`

	// Where scripts keep what outlives a request: see Store. Default: that of the app
	// "rover", and without one the VM itself.
	Store *Store `json:"store,omitempty"`

	// Whether clients see what went wrong in the script: message and traceback
	// instead of {"error":"internal error"}. Default: false.
	//
	// WARNING: tracebacks show file names and code structure to anyone.
	Debug bool `json:"debug,omitempty"`

	// How requests are proxied to the upstreams that the script chose: any option of
	// Caddy's reverse_proxy handler, except upstreams and dynamic_upstreams, which
	// are the script's to choose, and lean. Active health checks find no upstream to check.
	// Default: the defaults of reverse_proxy.
	Proxy *Proxy `json:"proxy,omitempty"`
}

// SetDefaults replaces every zero that means a default by that default. The name
// stays empty: its default needs the working directory, which only the process
// that runs the script knows. Calling it again changes nothing.
//
// Not safe for concurrent use.
func (c *Config) SetDefaults() {
	c.Unmatched = cmp.Or(c.Unmatched, UnmatchedPass)
	c.Batch = cmp.Or(c.Batch, DefaultBatch)
	c.Queue = cmp.Or(c.Queue, DefaultQueue)
	c.QueueTimeout = cmp.Or(c.QueueTimeout, caddy.Duration(DefaultQueueTimeout))
	c.MaxWaiting = cmp.Or(c.MaxWaiting, DefaultMaxWaiting)
	c.Timeout = cmp.Or(c.Timeout, caddy.Duration(DefaultTimeout))
	c.Burst = cmp.Or(c.Burst, min(caddy.Duration(DefaultBurst), c.Timeout))
	c.MaxBody = cmp.Or(c.MaxBody, DefaultMaxBody)
	c.MaxUpload = cmp.Or(c.MaxUpload, c.MaxBody)
	if c.BodyMinRate == nil {
		rate := int64(DefaultBodyMinRate)
		c.BodyMinRate = &rate
	}
	c.OnFailure = cmp.Or(c.OnFailure, FailClosed)
	if c.Persist != nil {
		p := *c.Persist // Validate's copy of c has the same one
		p.setDefaults()
		c.Persist = &p
	}
}

// Validate returns what is wrong with c first, or nil. It judges c as SetDefaults
// would leave it, so it may be called before or after. It does not look at the
// file system.
//
// Any goroutine may call it.
func (c Config) Validate() error {
	c.SetDefaults() // on the copy
	return cmp.Or(
		checkScript(c.Script),
		checkNameText(c.Name),
		checkUnmatched(c.Unmatched),
		batches.check("batch", c.Batch),
		queues.check("queue", c.Queue),
		checkQueueTimeout(time.Duration(c.QueueTimeout)),
		waiting.check("max_waiting", c.MaxWaiting),
		checkPrintable("priority", c.Priority),
		checkTimeout(time.Duration(c.Timeout)),
		checkBurst(time.Duration(c.Burst)),
		checkBurstFits(time.Duration(c.Burst), time.Duration(c.Timeout)),
		bodies.check(c.MaxBody),
		uploads.check(c.MaxUpload),
		rates.check(*c.BodyMinRate),
		checkMemory(c.Memory),
		checkOnFailure(c.OnFailure),
		checkQuarantine(cmp.Or(c.Quarantine, Fail500)), // empty: off
		c.checkGrants(),
		checkPrintable("explain", c.Explain),
		checkSet(c.Set),
		checkGeo(c.Geo),
		checkLibraries(c.LibrariesRaw),
		checkWatch(c.Watch, time.Duration(c.WatchInterval)),
		checkPersist(c.Persist),
		checkStore(c.Store),
		checkProxy(c.Proxy),
	)
}
