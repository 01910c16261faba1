package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/upstream"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/lib/all"
	"github.com/caddy-rover/rover/luart/lint"
	"github.com/caddy-rover/rover/luart/outbound"
)

// The exit codes of caddy rover check.
const (
	exitFindings = 1
	exitUsage    = 2
)

// checkCommand makes caddy rover check.
func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check <script.lua|folder>... [--strict] [--json] [--allow <grants>] [--allow-env <names>] [--allow-fs <folder>...] [--allow-net <rules>] [--set <key=value>...] [--library <name>...]",
		Short: "Looks for mistakes in scripts without running a server",
		Long: `Looks for mistakes in scripts and in the modules that they require. Each script is loaded
into a VM of its own in which nothing is sent, nothing waits, and no hook runs. In folders
every script is checked that calls rover.server, and definitions for editors (---@meta) are not.

What the script gets is taken from a Caddyfile beside it, if there is one that names it: values of
rover.config, libraries, grants and folders. What these do not let it do is a finding, and so is a
script that a Caddyfile names and that is not there. More values and libraries come from --set and
--library. --allow says what is real here.

The exit code is 0 if nothing was found, 1 for errors (with --strict for warnings, too), and
2 if the command line is wrong.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := checkScripts(cmd, caddycmd.Flags{FlagSet: cmd.Flags()}, args)
			if err != nil {
				return failWith(cmd, exitUsage, err)
			}
			strict, _ := cmd.Flags().GetBool("strict")
			if report.Errors > 0 || strict && report.Warnings > 0 {
				return exitWith(cmd, exitFindings)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.Bool("strict", false, "Exit with 1 for warnings, too")
	flags.Bool("json", false, "Print what was found as JSON")
	scriptFlags(flags)
	return cmd
}

// checkReport is what caddy rover check --json prints.
type checkReport struct {
	Scripts  []string       `json:"scripts"` // that were loaded
	Errors   int            `json:"errors"`
	Warnings int            `json:"warnings"`
	Findings []lint.Finding `json:"findings"`
}

// checkScripts checks files and folders, and prints what it finds.
func checkScripts(cmd *cobra.Command, fl caddycmd.Flags, args []string) (*checkReport, error) {
	if len(args) == 0 {
		return nil, errors.New("a script or a folder expected")
	}
	settings, given, err := checkSettings(fl)
	if err != nil {
		return nil, err
	}
	files, err := findScripts(args)
	if err != nil {
		return nil, err
	}
	report := &checkReport{Scripts: []string{}, Findings: []lint.Finding{}}
	for _, file := range files.scripts {
		path, source := file.path, file.source
		report.Scripts = append(report.Scripts, path)
		configs, err := configsBeside(path)
		if err != nil {
			report.add([]lint.Finding{caddyfileFinding(path, err)})
		}
		for _, config := range configs {
			s := settings
			s.Path, s.Source = path, source
			unknown := config.expand(given)
			for _, u := range unknown {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s is checked without a value of %s: %s\n", path, u.option, u.why)
			}
			done, err := config.apply(&s, given)
			if err != nil {
				report.add([]lint.Finding{caddyfileFinding(path, err)})
			}
			if config.found {
				if err := config.grant(&s, unknown); err != nil {
					return nil, fmt.Errorf("the Caddyfile beside %s: %w", path, err)
				}
			}
			report.add(lint.Check(context.Background(), s))
			done()
		}
	}
	for _, file := range files.caddyfiles {
		alone := !slices.ContainsFunc(files.scripts, func(s luaFile) bool { return filepath.Dir(s.path) == filepath.Dir(file) })
		report.add(checkCaddyfile(file, alone, cmd.ErrOrStderr()))
	}
	for _, file := range files.modules {
		report.add(lint.CheckSyntax(file.path, file.source))
	}
	report.add(files.unreadable)
	return report, report.print(cmd.OutOrStdout(), fl.Bool("json"))
}

// caddyfileFinding says that the Caddyfile beside a script is none, so that Caddy would not start. The
// script is checked as if there were no Caddyfile.
func caddyfileFinding(script string, err error) lint.Finding {
	f := lint.Finding{
		File: filepath.Join(filepath.Dir(script), "Caddyfile"), Severity: lint.Error, Code: "caddyfile", Message: err.Error(),
		Hint: "Caddy would not start; " + filepath.Base(script) + " is checked without the Caddyfile",
	}
	if m := regexp.MustCompile(regexp.QuoteMeta(f.File) + `:(\d+)`).FindStringSubmatch(f.Message); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Message = strings.TrimPrefix(f.Message, m[0]+": ")
	}
	return f
}

// checkSettings returns what the flags say about scripts; what a Caddyfile can say, too, by itself.
func checkSettings(fl caddycmd.Flags) (luart.Script, beside, error) {
	config, err := scriptConfig(fl, "script")
	if err != nil {
		return luart.Script{}, beside{}, err
	}
	s := luart.Script{Libraries: all.Libraries(), CheckUpstream: upstream.CheckAddress}
	if slices.Contains(config.Allow, rovercaddyfile.AllowEnv) {
		s.AllowEnv, s.Getenv, s.Environ = true, os.LookupEnv, os.Environ
		if s.EnvPolicy, err = environ.ParsePolicy(config.AllowEnv); err != nil {
			return s, beside{}, err
		}
	}
	if slices.Contains(config.Allow, rovercaddyfile.AllowNet) {
		s.Net, err = outbound.ParsePolicy(config.AllowNet)
	}
	return s, beside{Set: config.Set, Libraries: config.LibrariesRaw, Geo: config.Geo}, err
}

// add counts findings that are not there yet: scripts may have modules in common.
func (r *checkReport) add(found []lint.Finding) {
	for _, f := range found {
		if slices.Contains(r.Findings, f) {
			continue
		}
		r.Findings = append(r.Findings, f)
		if f.Severity == lint.Error {
			r.Errors++
		} else {
			r.Warnings++
		}
	}
}

func (r *checkReport) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(out, r)
	}
	for _, f := range r.Findings {
		fmt.Fprintln(out, printable(f.String()))
	}
	_, err := fmt.Fprintf(out, "%s checked: %s, %s\n", count(len(r.Scripts), "script"), count(r.Errors, "error"), count(r.Warnings, "warning"))
	return err
}

// count is "1 script", "2 scripts".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
