package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/admin"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/scripterror"
)

// routesCommand makes caddy rover routes.
func routesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "routes [<script.lua>] [--json] [--allow <grants>] [--allow-env <names>] [--allow-fs <folder>...] [--allow-net <rules>] [--set <key=value>...] [--library <name>...] " +
			"[--vm <name>] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Prints the routes of a script, or of a running Caddy",
		Long: `Prints what a script routes, with file:line and the hooks that run before, after and when
a request has ended, in the order in which the routes are tried. The script is loaded as caddy
rover check does it. Without a script the admin API of a running Caddy is asked.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return failWith(cmd, caddy.ExitCodeFailedStartup, printRoutes(cmd, caddycmd.Flags{FlagSet: cmd.Flags()}, args))
		},
	}
	flags := cmd.Flags()
	flags.Bool("json", false, "Print the routes as JSON, as the admin API answers")
	adminFlags(cmd)
	scriptFlags(flags)
	return cmd
}

func printRoutes(cmd *cobra.Command, fl caddycmd.Flags, args []string) error {
	var answer struct {
		VMs []admin.VMRoutes `json:"vms"`
	}
	if len(args) == 0 {
		body, err := askAdmin(fl, http.MethodGet, "/rover/routes", nil, nil)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return fmt.Errorf("reading the answer of the admin API: %w", err)
		}
	} else {
		var err error
		if answer.VMs, err = routesOf(cmd, fl, args[0]); err != nil {
			return err
		}
	}
	if fl.Bool("json") {
		return printJSON(cmd.OutOrStdout(), answer)
	}
	return printVMRoutes(cmd.OutOrStdout(), answer.VMs)
}

// printVMRoutes prints the routes of scripts, with their names if there are several.
func printVMRoutes(out io.Writer, vms []admin.VMRoutes) error {
	for i, vm := range vms {
		for j, s := range vm.Scripts {
			if i+j > 0 {
				fmt.Fprintln(out)
			}
			if len(vms) > 1 || len(vm.Scripts) > 1 {
				fmt.Fprintln(out, oneLine(s.Script))
			}
			if err := printScriptRoutes(out, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// routesOf loads a script and returns its routes.
func routesOf(cmd *cobra.Command, fl caddycmd.Flags, path string) ([]admin.VMRoutes, error) {
	var routes []luart.Route
	var hooks []luart.Hook
	err := loadDry(cmd, fl, path, func(s luart.Script) (err error) {
		routes, hooks, err = luart.DryRoutes(cmd.Context(), s)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []admin.VMRoutes{{VM: path, Scripts: []admin.ScriptRoutes{{Script: path, Routes: routes, Hooks: hooks}}}}, nil
}

// loadDry has load look at a script, as a Caddyfile beside it says, or flags.
func loadDry(cmd *cobra.Command, fl caddycmd.Flags, path string, load func(luart.Script) error) error {
	s, given, err := checkSettings(fl)
	if err != nil {
		return err
	}
	source, err := module.ReadScript(path)
	if err != nil {
		return err
	}
	configs, err := configsBeside(path)
	if err != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "%s is loaded without its Caddyfile: %v\n", path, err)
	}
	s.Path, s.Source = path, source
	done, err := configs[0].apply(&s, given)
	defer done()
	if err != nil {
		return err
	}
	if err := load(s); err != nil {
		return fmt.Errorf("loading script %q: %w%s", path, err, scripterror.Details(err))
	}
	return nil
}

// printScriptRoutes prints routes as a table, the rules of places, and the hooks that stand where nothing is
// routed.
func printScriptRoutes(out io.Writer, s admin.ScriptRoutes) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	names := func(hooks []luart.Hook) string {
		var list []string
		for _, h := range hooks {
			list = append(list, oneLine(h.Name))
		}
		if len(list) == 0 {
			return "-"
		}
		return strings.Join(list, ", ")
	}
	fmt.Fprintln(w, "METHOD\tPATTERN\tAT\tBEFORE\tAFTER\tDONE")
	var shown []luart.Hook
	for _, r := range s.Routes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", oneLine(r.Method), oneLine(r.Pattern), oneLine(r.At), names(r.Before), names(r.After), names(r.Done))
		shown = slices.Concat(shown, r.Before, r.After, r.Done)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range s.Hooks {
		switch {
		case h.OfOnePath():
			fmt.Fprintf(out, "%s %s is for exactly %s (%s)\n", h.Kind, oneLine(h.Name), oneLine(h.Pattern), oneLine(h.At))
		case h.IsRule():
			fmt.Fprintf(out, "%s %s covers %s and everything below (%s)\n", h.Kind, oneLine(h.Name), oneLine(h.Pattern), oneLine(h.At))
		case !slices.Contains(shown, h):
			fmt.Fprintf(out, "%s hook %s covers %s and everything below, where nothing is routed (%s)\n", h.Kind, oneLine(h.Name), oneLine(h.Pattern), oneLine(h.At))
		}
	}
	if len(s.Routes) == 0 && len(s.Hooks) == 0 {
		return errors.New("the script has no routes and no hooks")
	}
	return nil
}
