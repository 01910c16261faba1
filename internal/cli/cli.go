package cli

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/luart/spelling"
)

// commands make the subcommands of caddy rover, in the order of its help.
var commands = []func() *cobra.Command{
	explainCommand,
	topCommand,
	uiCommand,
	killCommand,
	profileCommand,
	evalCommand,
	newCommand,
	runCommand,
	checkCommand,
	routesCommand,
	openapiCommand,
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
			addCommands(cmd)
			cmd.FParseErrWhitelist.UnknownFlags = true // of a command that there is not: say that first
			cmd.RunE = runNone
		},
	})
}

// runNone is caddy rover without a command of its own: it helps, or says that there is no such
// command. caddy help rover helps, too, and so does --help.
func runNone(rover *cobra.Command, args []string) error {
	about := rover
	if len(args) > 0 && args[0] == "help" {
		if args = args[1:]; len(args) > 0 {
			if found, rest, err := rover.Find(args); err == nil && found != rover {
				about, args = found, rest
			}
		}
	}
	if len(args) > 0 {
		var names []string
		for _, cmd := range rover.Commands() {
			names = append(names, cmd.Name())
		}
		meant := cmp.Or(spelling.DidYouMean(spelling.Nearest(args[0], names)), "caddy rover --help lists them")
		return fmt.Errorf("there is no command %q: %s", args[0], meant)
	}
	return about.Help()
}

// addCommands adds the subcommands to caddy rover.
func addCommands(rover *cobra.Command) {
	for _, make := range commands {
		cmd := make()
		if cmd.Args != nil {
			cmd.Args = sayingUsage(cmd.Args)
		}
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return failWith(cmd, exitCodeOfUsage(cmd), err) })
		rover.AddCommand(cmd)
	}
}

// sayingUsage has a command that is given too many or too few arguments say how it is written.
func sayingUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if check(cmd, args) == nil {
			return nil
		}
		usage, _, _ := strings.Cut(cmd.UseLine(), " [--")
		given := "no argument was given"
		switch n := len(args); {
		case n == 1:
			given = fmt.Sprintf("the argument %q was given", args[0])
		case n > 1:
			given = fmt.Sprintf("%d arguments were given", n)
		}
		return failWith(cmd, exitCodeOfUsage(cmd),
			fmt.Errorf("write %s: %s; %s --help says more", strings.TrimSuffix(usage, " [flags]"), given, cmd.CommandPath()))
	}
}

// exitCodeOfUsage is the exit code for a command line that is wrong. Those whose 1 says something
// of scripts have another one.
func exitCodeOfUsage(cmd *cobra.Command) int {
	if name := cmd.Name(); name == "check" || name == "test" {
		return exitUsage
	}
	return caddy.ExitCodeFailedStartup
}
