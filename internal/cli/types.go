package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/libraries"
	"github.com/caddy-rover/rover/luart/types"
)

// typesCommand makes caddy rover types.
func typesCommand() *cobra.Command {
	var folder string
	cmd := &cobra.Command{
		Use:   "types [--output <folder>]",
		Short: "Prints definitions of the Lua API for lua-language-server",
		Long: `Prints definitions (LuaCATS) of what scripts see, for lua-language-server: completion,
documentation and type checks in editors; those of libraries that this Caddy has as modules
are among them. With --output they are written to a folder, which
"workspace.library" in .luarc.json names, together with those of what tests see.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return failWith(cmd, caddy.ExitCodeFailedStartup, writeTypes(cmd, folder))
		},
	}
	cmd.Flags().StringVarP(&folder, "output", "o", "", "Folder to write to, made if need be; printed if not given")
	return cmd
}

// writeTypes prints the definitions of what scripts see, or writes all there are to a folder.
func writeTypes(cmd *cobra.Command, folder string) error {
	files, err := typeFiles()
	if err != nil {
		return err
	}
	if folder == "" {
		_, err := io.WriteString(cmd.OutOrStdout(), oneFile(files))
		return err
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		path := filepath.Join(folder, f.File)
		if err := os.WriteFile(path, []byte(f.Text), 0o644); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), "wrote", path)
	}
	return nil
}

// typeFiles returns all files of definitions: Rover's own, of which rover.lua is the first, as it
// makes the table that the others add to, and then those of libraries.
func typeFiles() (files []libraries.Stubs, err error) {
	stubs := types.Stubs()
	names, err := fs.Glob(stubs, "*.lua")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(stubs, name)
		if err != nil {
			return nil, err
		}
		files = append(files, libraries.Stubs{File: name, Text: string(text)})
	}
	return append(files, libraries.AllStubs()...), nil
}

// oneFile joins the definitions of what scripts see. A file says once that it is one of
// definitions.
func oneFile(files []libraries.Stubs) string {
	var b strings.Builder
	for i, f := range files {
		if f.File == testStubs {
			continue
		}
		for line := range strings.Lines(f.Text) {
			if i == 0 || !strings.HasPrefix(line, "---@meta") {
				b.WriteString(line)
			}
		}
	}
	return b.String()
}

// testStubs are of what test files see, and scripts do not.
const testStubs = "rover_test.lua"
