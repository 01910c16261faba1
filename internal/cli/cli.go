package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/caddy-rover/rover/internal/scripts"
)

// commands make the subcommands of caddy rover, in the order of its help.
var commands = []func() *cobra.Command{
	explainCommand,
	topCommand,
	uiCommand,
	killCommand,
	profileCommand,
	evalCommand,
	runCommand,
	checkCommand,
	routesCommand,
	typesCommand,
	testCommand,
	replCommand,
	adminCommand{
		"reload", http.MethodPost, "Loads the scripts again from their files",
		`Loads the scripts again from their files while requests go on. Scripts that do not load,
or that their on_check or on_reload refuses, leave what runs as it is. While Caddy replaces its
config, this waits for that, ten seconds at most.`,
		true,
	}.command,
	adminCommand{
		"rollback", http.MethodPost, "Goes back to the scripts before the last reload",
		`Loads what ran before the last reload again, whatever the files hold now. A second rollback
undoes the first.`,
		false, // it could go back twice
	}.command,
	adminCommand{
		"status", http.MethodGet, "Prints which scripts run, and why the last reload was refused",
		`Prints for each VM its scripts, their version, how often they were reloaded, and why the
last reload was refused, if it was.`,
		false,
	}.command,
}

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "rover",
		Usage: "<command>",
		Short: "Runs and checks Lua scripts, and works with those of a running Caddy",
		CobraFunc: func(cmd *cobra.Command) {
			for _, make := range commands {
				cmd.AddCommand(make())
			}
			cmd.FParseErrWhitelist.UnknownFlags = true // of a command that there is not: say that first
			cmd.RunE = func(cmd *cobra.Command, args []string) error {
				if len(args) > 0 {
					return fmt.Errorf("there is no command %q: caddy rover --help lists them", args[0])
				}
				return cmd.Help()
			}
		},
	})
}

// adminCommand is a subcommand that asks the admin API of a running Caddy.
type adminCommand struct {
	name, method, short, long string
	again                     bool // to be asked again while the config is being replaced
}

func (c adminCommand) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   c.name + " [--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: c.short,
		Long:  c.long,
		Args:  cobra.NoArgs,
		RunE:  caddycmd.WrapCommandFuncForCobra(c.run),
	}
	adminFlags(cmd.Flags())
	cmd.Flags().Bool("json", false, "Print what the admin API answers")
	return cmd
}

// adminFlags adds the flags that say which VM of which Caddy a command is about.
func adminFlags(flags *pflag.FlagSet) {
	flags.String("vm", "", "The VM, by its name or the path of its script; all if not given")
	flags.String("address", "", "Address of the admin API, if not that of the config")
	flags.StringP("config", "c", "", "Configuration file to take the address from")
	flags.StringP("adapter", "a", "", "Name of the config adapter to apply")
}

// adminAddress returns the address of the admin API that adminFlags name.
func adminAddress(fl caddycmd.Flags) (string, error) {
	address, err := caddycmd.DetermineAdminAPIAddress(fl.String("address"), nil, fl.String("config"), fl.String("adapter"))
	if err != nil {
		return "", fmt.Errorf("finding the address of the admin API: %w", err)
	}
	return address, nil
}

// oneRequest are headers for the admin API: AdminAPIRequest forgets the connection, which
// would stay open.
var oneRequest = http.Header{"Connection": {"close"}}

// askAdmin asks the admin API that adminFlags name about the VM that they name.
func askAdmin(fl caddycmd.Flags, method, uri string) ([]byte, error) {
	address, err := adminAddress(fl)
	if err != nil {
		return nil, err
	}
	if vm := fl.String("vm"); vm != "" {
		uri += "?" + url.Values{"vm": {vm}}.Encode()
	}
	resp, err := caddycmd.AdminAPIRequest(address, method, uri, oneRequest, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func (c adminCommand) run(fl caddycmd.Flags) (int, error) {
	ask := func() ([]byte, error) { return askAdmin(fl, c.method, "/rover/"+c.name) }
	body, err := ask()
	if c.again {
		body, err = askAgain(body, err, ask, func() { time.Sleep(replacedPause) })
	}
	if err != nil {
		return caddy.ExitCodeFailedStartup, err
	}
	if fl.Bool("json") {
		fmt.Print(string(body))
		return caddy.ExitCodeSuccess, nil
	}
	return printStatus(body)
}

const (
	// A config that is replaced answers 503 until the next one has taken over: that takes as long
	// as its on_start, and loading other modules. It is asked again for some ten seconds.
	replacedTries = 40
	replacedPause = 250 * time.Millisecond
)

// askAgain goes on to ask, after a pause each time, while the answer is that the config is being
// replaced. body and err are the first answer.
func askAgain(body []byte, err error, ask func() ([]byte, error), pause func()) ([]byte, error) {
	for range replacedTries {
		// Caddy's function has the status in the text only.
		if err == nil || !strings.HasPrefix(err.Error(), "caddy responded with error: HTTP 503:") {
			break
		}
		pause()
		body, err = ask()
	}
	return body, err
}

// printStatus prints the status of VMs for people.
func printStatus(body []byte) (int, error) {
	var answer struct {
		VMs []scripts.Status `json:"vms"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return caddy.ExitCodeFailedStartup, fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	for _, s := range answer.VMs {
		var out strings.Builder
		w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
		row := func(name, format string, args ...any) {
			fmt.Fprintf(w, "  %s\t"+format+"\n", append([]any{name}, args...)...)
		}
		fmt.Fprintf(w, "%s\n", s.VM)
		if len(s.Scripts) > 1 || s.Scripts[0] != s.VM {
			row("scripts", "%s", strings.Join(s.Scripts, ", "))
		}
		row("version", "%d, since %s", s.Version, s.LoadedAt.Format(time.DateTime))
		row("reloads", "%d, refused %d", s.Reloads.Done, s.Reloads.Failed)
		row("rollback", "%s", map[bool]string{true: "possible", false: "nothing to go back to"}[s.Rollback])
		if s.Watch {
			row("watch", "reloads when a file changes")
		}
		if s.Persist != nil {
			printPersist(s.Persist, row)
		}
		if e := s.LastError; e != nil {
			row("refused", "%s: %s", e.At.Format(time.DateTime), strings.ReplaceAll(strings.TrimSpace(e.Message), "\n", "\n    "))
		}
		_ = w.Flush() // a strings.Builder takes all
		fmt.Print(out.String())
	}
	return caddy.ExitCodeSuccess, nil
}

// printPersist prints how rover.state is saved, for people.
func printPersist(s *scripts.PersistStatus, row func(name, format string, args ...any)) {
	when, hold := "every "+s.Interval, time.Duration(s.Hold*float64(time.Second))
	if s.Interval == "0s" {
		when = "only at the end"
	}
	switch {
	case s.Saved != nil:
		row("persist", "%s; %d bytes saved at %s, which held the VM for %v", when, s.Bytes, s.Saved.Format(time.DateTime), hold.Round(time.Microsecond))
	case s.Restored != nil:
		row("persist", "%s; restored as it was at %s", when, s.Restored.Format(time.DateTime))
	default:
		row("persist", "%s; nothing saved yet", when)
	}
	row("", "%s in the storage", s.Folder)
	for _, key := range s.SetAside {
		row("set aside", "%s", key)
	}
	if e := s.LastError; e != nil {
		row("not saved", "%s: %s", e.At.Format(time.DateTime), e.Message)
	}
}
