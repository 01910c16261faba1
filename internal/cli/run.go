package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
	"github.com/caddyserver/caddy/v2/modules/caddytls"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.uber.org/zap"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/logformat"
	"github.com/caddy-rover/rover/internal/scripts"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/module"
)

// runGrace is how long requests may go on after Ctrl-C: who pressed it waits for the prompt,
// and an event stream never ends by itself.
const runGrace = caddy.Duration(3 * time.Second)

// runCommand makes caddy rover run.
func runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run <script.lua> [--listen <address>] [--upstream <address>...] [--watch] [--debug] [--allow <grants>] " +
			"[--allow-env <names>] [--allow-fs <folder>...] [--allow-net <rules>] [--envfile <file>...] [--set <key=value>...] [--library <name>...] [--access-log] [--admin <address>]",
		Short: "Serves a script without a Caddyfile, until Ctrl-C",
		Long: `Serves a script over plain HTTP, without a Caddyfile, until Ctrl-C. What the script passes on
goes to the upstreams; without one it is answered 404. Nothing is kept: no config is saved,
and the admin API is off unless it is given an address.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failWith(cmd, caddy.ExitCodeFailedStartup, runScript(cmd, caddycmd.Flags{FlagSet: cmd.Flags()}))
		},
	}
	flags := cmd.Flags()
	flags.StringP("listen", "l", ":8080", "Address to serve on: host:port, or unix//path")
	flags.StringArrayP("upstream", "u", nil, "Service behind the script, as reverse_proxy takes it; may be repeated")
	flags.BoolP("watch", "w", false, "Reload when the script or a module changes")
	flags.BoolP("debug", "v", false, "Show script errors to clients, and log at debug level")
	flags.StringArray("envfile", nil, "File with lines of NAME=value, for variables that are not set; may be repeated")
	flags.Bool("access-log", false, "Log requests")
	flags.String("admin", "", "Address of Caddy's admin API; off if not given")
	scriptFlags(flags)
	return cmd
}

// scriptFlags adds the flags that say what a script may do.
func scriptFlags(flags *pflag.FlagSet) {
	flags.StringSlice("allow", nil, "What the script may do, as in the Caddyfile: env, net; fs with --allow-fs")
	flags.StringSlice("allow-env", nil, "Which variables it may read, as names of allow env; implies --allow env")
	flags.StringArray("allow-fs", nil, "A folder whose files it may use; \"public ro\": read only; may be repeated; implies --allow fs")
	flags.StringSlice("allow-net", nil, "Where it may connect to, as rules of allow net; implies --allow net")
	flags.StringArray("set", nil, "A value for rover.config: key=value; may be repeated")
	flags.StringArray("library", nil, "A library that this Caddy has as a module, without settings; may be repeated")
}

// scriptConfig returns the configuration of a script that flags describe.
func scriptConfig(fl caddycmd.Flags, script string) (rovercaddyfile.Config, error) {
	config := rovercaddyfile.Config{Script: rovercaddyfile.LiteralPath(script)}
	var err error
	if config.Allow, err = fl.GetStringSlice("allow"); err != nil {
		return config, err
	}
	if config.AllowNet, err = fl.GetStringSlice("allow-net"); err != nil {
		return config, err
	}
	if config.AllowEnv, err = fl.GetStringSlice("allow-env"); err != nil {
		return config, err
	}
	folders, err := fl.GetStringArray("allow-fs")
	if err != nil {
		return config, err
	}
	for _, folder := range folders {
		dir, readOnly := strings.CutSuffix(folder, " ro")
		config.AllowFS = append(config.AllowFS, rovercaddyfile.Folder{Dir: rovercaddyfile.LiteralPath(dir), ReadOnly: readOnly})
	}
	for grant, rules := range map[string]int{
		rovercaddyfile.AllowEnv: len(config.AllowEnv), rovercaddyfile.AllowFS: len(config.AllowFS), rovercaddyfile.AllowNet: len(config.AllowNet),
	} {
		if rules > 0 && !slices.Contains(config.Allow, grant) {
			config.Allow = append(config.Allow, grant)
		}
	}
	slices.Sort(config.Allow)
	set, err := fl.GetStringArray("set")
	if err != nil {
		return config, err
	}
	for _, s := range set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return config, fmt.Errorf("--set %q: key=value expected", s)
		}
		if _, twice := config.Set[key]; twice {
			return config, fmt.Errorf("--set: %s given twice", key)
		}
		if config.Set == nil {
			config.Set = map[string]string{}
		}
		config.Set[key] = value
	}
	libs, err := fl.GetStringArray("library")
	if err != nil {
		return config, err
	}
	for _, name := range libs {
		if config.LibrariesRaw == nil {
			config.LibrariesRaw = caddy.ModuleMap{}
		}
		config.LibrariesRaw[name] = json.RawMessage("{}")
	}
	return config, config.Validate()
}

// runScript serves until the process is told to end.
func runScript(cmd *cobra.Command, fl caddycmd.Flags) error {
	if err := setVariables(fl); err != nil {
		return err
	}
	cfg, err := runConfig(fl)
	if err != nil {
		return err
	}
	checked := &runCheck{cmd: cmd, fl: fl, path: fl.Arg(0)}
	if err := checked.print(); err != nil {
		return fmt.Errorf("reading script: %w", err)
	}
	caddy.TrapSignals()
	if err := caddy.Run(cfg); err != nil {
		// What Caddy says of where in the config that is, which nobody wrote, says nothing.
		if _, cause, ok := strings.Cut(err.Error(), "provision http.handlers.rover: "); ok {
			// There is no Caddyfile here that a remedy could be written in.
			const grants = " in the rover block of the Caddyfile"
			return errors.New(strings.ReplaceAll(cause, grants, grants+", here by --allow-net, --allow-env or --allow-fs"))
		}
		return err
	}
	// A signal that came while it started has stopped it again: there is no app then, and the process ends.
	if loaded, err := caddy.ActiveContext().AppIfConfigured("http"); err == nil {
		for _, srv := range loaded.(*caddyhttp.App).Servers {
			for _, ln := range srv.Listeners() {
				fmt.Fprintln(cmd.OutOrStdout(), "serving", fl.Arg(0), "on", addressOf(ln.Addr()))
			}
		}
	}
	var reloaded <-chan struct{} // the signal may have come already
	if live := scripts.Live(); live != nil {
		reloaded = live.Reloaded()
	}
	checked.printAgain(reloaded) // until the process ends with the signal
	return nil
}

// setVariables sets those of --envfile that nobody has set.
func setVariables(fl caddycmd.Flags) error {
	paths, err := fl.GetStringArray("envfile")
	if err != nil {
		return err
	}
	for _, path := range paths {
		source, err := module.ReadScript(path)
		if err != nil {
			return fmt.Errorf("--envfile: %w", err)
		}
		list, err := environ.ReadFile(bytes.NewReader(source), path)
		if err != nil {
			return fmt.Errorf("--envfile: %w", err)
		}
		for _, v := range list {
			if _, set := os.LookupEnv(v.Name); set {
				continue
			}
			if err := os.Setenv(v.Name, v.Value); err != nil {
				return fmt.Errorf("--envfile: %s: %w", v.Name, err)
			}
		}
	}
	return nil
}

// addressOf is how a browser reaches a listener.
func addressOf(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	switch {
	case !ok:
		return addr.Network() + "/" + addr.String()
	case tcp.IP.IsUnspecified():
		return fmt.Sprintf("http://localhost:%d", tcp.Port)
	}
	return "http://" + tcp.String()
}

// runConfig returns the config that flags describe.
func runConfig(fl caddycmd.Flags) (*caddy.Config, error) {
	config, err := scriptConfig(fl, fl.Arg(0))
	if err != nil {
		return nil, err
	}
	listen, err := runAddress(fl, "listen")
	if err != nil {
		return nil, err
	}
	admin, err := runAddress(fl, "admin")
	if err != nil {
		return nil, err
	}
	config.Watch, config.Debug = fl.Bool("watch"), fl.Bool("debug")
	upstreams, err := fl.GetStringArray("upstream")
	if err != nil {
		return nil, err
	}
	var last json.RawMessage
	if len(upstreams) > 0 {
		config.Unmatched = rovercaddyfile.UnmatchedPass
		proxy, err := proxyTokens(upstreams)
		if err != nil {
			return nil, err
		}
		last = caddyconfig.JSONModuleObject(proxy, "handler", "reverse_proxy", nil)
	} else {
		config.Unmatched = rovercaddyfile.UnmatchedRespond
		notFound := caddyhttp.StaticResponse{StatusCode: "404", Body: "the script passed the request on, and there is no --upstream\n"}
		last = caddyconfig.JSONModuleObject(notFound, "handler", "static_response", nil)
	}
	server := &caddyhttp.Server{
		Listen:    []string{listen},
		Protocols: []string{"h1"}, // the others want TLS, and Caddy warns of them
		AutoHTTPS: &caddyhttp.AutoHTTPSConfig{Disabled: true},
		Routes: caddyhttp.RouteList{{HandlersRaw: []json.RawMessage{
			caddyconfig.JSONModuleObject(config, "handler", "rover", nil), last,
		}}},
	}
	if fl.Bool("access-log") {
		server.Logs = &caddyhttp.ServerLogConfig{}
	}
	persist := false
	cfg := &caddy.Config{
		Admin: &caddy.AdminConfig{
			Disabled: admin == "",
			Listen:   admin,
			Config:   &caddy.ConfigSettings{Persist: &persist},
		},
		AppsRaw: caddy.ModuleMap{
			"http": caddyconfig.JSON(caddyhttp.App{
				GracePeriod: runGrace,
				Servers:     map[string]*caddyhttp.Server{"rover": server},
			}, nil),
			"tls": caddyconfig.JSON(caddytls.TLS{DisableStorageClean: true}, nil), // the storage is another Caddy's
		},
	}
	cfg.Logging = runLogging(fl)
	return cfg, nil
}

// runLogging has the log in lines for people, without what Caddy says of TLS, which there is not.
func runLogging(fl caddycmd.Flags) *caddy.Logging {
	log := &caddy.CustomLog{
		BaseLog: caddy.BaseLog{EncoderRaw: caddyconfig.JSONModuleObject(logformat.Encoder{}, "format", "rover", nil)},
		Exclude: []string{"tls", "http.auto_https"},
	}
	if fl.String("admin") == "" {
		log.Exclude = append(log.Exclude, "admin")
	}
	if fl.Bool("debug") {
		log.Level = zap.DebugLevel.CapitalString()
	}
	return &caddy.Logging{Logs: map[string]*caddy.CustomLog{"default": log}}
}

// proxyTokens makes the reverse proxy of what would be its arguments in a Caddyfile.
func proxyTokens(upstreams []string) (*reverseproxy.Handler, error) {
	tokens := []caddyfile.Token{{File: "--upstream", Line: 1, Text: "reverse_proxy"}}
	for i, u := range upstreams {
		if u == "" {
			return nil, errors.New("--upstream: an address expected")
		}
		tokens = append(tokens, caddyfile.Token{File: "--upstream", Line: 1, Text: upstreams[i]})
	}
	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(caddyfile.NewDispenser(tokens)); err != nil {
		return nil, err
	}
	return proxy, nil
}
