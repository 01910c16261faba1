// Package integration_test runs real Caddy processes with the plugin in them against
// real upstreams. A behaviour is a script in testdata/scripts; testdata/README
// describes the commands.
package integration_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"github.com/rogpeppe/go-internal/testscript"

	_ "github.com/caddy-rover/rover"
)

var update = flag.Bool("update", false, "rewrite what the scripts and the golden files expect")

// TestMain makes the test binary itself the caddy and the upstream command of the
// scripts, with this module in it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"caddy":       caddycmd.Main,
		"upstream":    upstreamMain,
		"pprof":       pprofMain,
		"badupstream": badUpstreamMain,
	})
}

// globals are the global options of every script's Caddyfile, which says "import globals".
// The log is without Caddy's events: an event is only made where somebody may see it, and
// in Caddy v2.11.9 the one of a certificate that is ready while the TLS app still starts is
// a data race (caddytls: Start writes what its CaddyModule copies), which would fail every
// script that uses TLS now and then.
const globals = `{
	admin unix/{$WORK}/admin.sock
	auto_https disable_redirects
	skip_install_trust
	storage file_system {$WORK}/storage
	grace_period 10s
	metrics
	log {
		output file {$WORK}/caddy.log
		level DEBUG
		exclude events
	}
}
`

func TestScripts(t *testing.T) {
	if files, _ := filepath.Glob("testdata/scripts/*.txtar"); len(files) == 0 {
		t.Fatal("no scripts")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/scripts",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			port := freePort()
			env.Values["client"] = newClient(env.WorkDir, port)
			env.Defer(env.Values["client"].(*client).close)
			env.Values["T"] = env.T()
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PORT", port)
			env.Setenv("UPPORT", freePort())
			env.Setenv("MIB", strconv.Itoa(largeMiB))
			env.Setenv("RELOADS", strconv.Itoa(scriptReloads))
			env.Setenv("BYTES", strconv.Itoa(largeMiB<<20))
			return errors.Join(
				os.WriteFile(filepath.Join(env.WorkDir, "globals"), []byte(globals), 0o600),
				os.WriteFile(filepath.Join(env.WorkDir, "globals_info"), []byte(strings.Replace(globals, "DEBUG", "INFO", 1)), 0o600),
			)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"needs":      cmdNeeds,
			"http":       cmdHTTP,
			"geofile":    cmdGeoFile,
			"metric":     cmdMetric,
			"admin":      cmdAdmin,
			"adminuntil": cmdAdminUntil,
			"adminkill":  cmdAdminKill,
			"adminsave":  cmdAdminSave,
			"reloads":    cmdReloads,
			"listening":  cmdListening,
			"load":       cmdLoad,
			"abort":      cmdAbort,
			"resets":     cmdResets,
			"stall":      cmdStall,
			"ws":         cmdWebSocket,
			"sse":        cmdSSE,
			"raw":        cmdRaw,
			"logged":     cmdLogged,
			"send":       cmdSend,
			"rss":        cmdRSS,
			"log":        cmdLog,
			"hang":       cmdHang,
			"until":      cmdUntil,
			"same":       cmdSame,
			"spans":      cmdSpans,
			"upload":     cmdUpload,
			"drip":       cmdDrip,
			"readers":    cmdReaders,
			"tunnel":     cmdTunnel,
			"short":      cmdShort,
			"connect":    cmdConnect,
			"terminal":   cmdTerminal,
			"handshake":  cmdHandshake,
		},
	})
}

// given counts the ports that freePort has returned.
var given atomic.Uint32

func init() { given.Store(rand.Uint32N(3000)) } // two processes shall not take the same

// freePort returns a port that nobody listens on just now, by TCP or UDP: whoever got it may not listen yet
// for a while. So it is none that the system gives to others, and the next one is another.
func freePort() string {
	const first, n = 29_700, 3000 // below them are those of listenUp
	for {
		port := fmt.Sprint(first + given.Add(1)%n)
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", l.Addr().String())
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
}
