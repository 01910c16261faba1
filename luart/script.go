package luart

import (
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/files"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/static"
	"github.com/caddy-rover/rover/luart/stdlib"
	"github.com/caddy-rover/rover/luart/store"
)

// Script is what a generation is made of.
type Script struct {
	Path    string // of the file; modules are found in its folder
	Source  []byte
	Version int  // rover.version; 0: 1
	Respond bool // answer what no route matches with 404 or 405, instead of passing it on

	Timeout time.Duration // a request's time in Lua, waiting included
	Burst   time.Duration // longest stretch of VM time without a wait
	MaxBody int64         // bytes of a request body that a script may read
	// MaxUpload is how many bytes of a body ctx:multipart may read; 0: MaxBody.
	MaxUpload int64
	// BodyMinRate is how many bytes of a request body a client must send per second while
	// Lua waits for it, after bodyGrace; 0: any.
	BodyMinRate int64
	Debug       bool // show script errors to clients

	OnFailure  FailPolicy  // what becomes of a request whose route or after hook failed
	Quarantine *FailPolicy // of one whose function uses up its burst over and over; nil: it is called

	Files files.Grants // the folders whose files it may use
	// CheckMount says whether clients may have the files of a mount. nil: the script is only
	// looked at, and there need be none.
	CheckMount func(*static.Mount) error

	AllowEnv    bool                             // whether rover.env may read the environment
	Getenv      func(name string) (string, bool) // what rover.env reads
	EnvPolicy   *environ.Policy                  // which variables; nil: all
	Environ     func() []string                  // all of them, as os.Environ; nil: none
	Net         *outbound.Policy                 // where rover.http may connect to; nil: it is not granted
	FakeNetwork http.RoundTripper                // what rover.http asks in place of the network; nil: the network
	Config      map[string]string                // rover.config
	Geo         geo.Source                       // what rover.geo asks; nil: there is nothing to ask

	// Seed is what math.random and rover.crypto begin with, in tests; nil: nobody can predict them.
	Seed *uint64

	Store     store.Store    // what its libraries keep between requests; nil: it is in the VM
	Libraries []*lib.Library // what it finds in rover beside the VM's own, in this order
	NotGiven  []string       // libraries that it could have been given, for hints

	// CheckUpstream says whether api.proxy may be given an address. nil: any.
	CheckUpstream func(address string) error

	// Modules are the sources of modules by name, which are taken instead of the files.
	// nil: all modules are files.
	Modules map[string]stdlib.Module

	// Opened is told of each file that a module was looked for in: its path and what it
	// holds, nil for a file that is not there. It may be called for as long as the
	// generation runs, by the holder. nil: nobody wants to know.
	Opened func(path string, source []byte)

	Logger *zap.Logger // for the script's log lines and errors; nil: nowhere

	// Granted says that DryRun is to give the script no more than it has been given: that is what
	// it gets where it is to run.
	Granted bool

	dry  bool  // nothing waits, nothing is sent, no hook runs: see Check
	Tool *Tool // it serves no requests; nil: it does
}

// getenv is Getenv for what may be read.
func (s *Script) getenv(name string) (string, bool) {
	if !s.EnvPolicy.Allows(name) {
		return "", false
	}
	return s.Getenv(name)
}
