package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"

	"github.com/caddy-rover/rover/internal/libraries"
	"github.com/caddy-rover/rover/luart"
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
	stubs := luart.Stubs()
	own := libraries.AllStubs()
	if folder == "" {
		text, err := fs.ReadFile(stubs, "rover.lua")
		if err != nil {
			return err
		}
		if _, err := cmd.OutOrStdout().Write(text); err != nil {
			return err
		}
		for _, l := range own {
			fmt.Fprintf(cmd.OutOrStdout(), "\n%s", l.Text)
		}
		return nil
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	files, err := fs.Glob(stubs, "*.lua")
	if err != nil {
		return err
	}
	for _, name := range files {
		text, err := fs.ReadFile(stubs, name)
		if err != nil {
			return err
		}
		if err := writeType(cmd, folder, name, text); err != nil {
			return err
		}
	}
	for _, l := range own {
		if err := writeType(cmd, folder, "rover_library_"+l.Name+".lua", []byte(l.Text)); err != nil {
			return err
		}
	}
	return nil
}

// writeType writes one file of definitions.
func writeType(cmd *cobra.Command, folder, name string, text []byte) error {
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), "wrote", path)
	return nil
}
