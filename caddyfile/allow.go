package caddyfile

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddy-rover/rover/luart/environ"
	"github.com/caddy-rover/rover/luart/outbound"
	"github.com/caddy-rover/rover/luart/spelling"
)

// What Config.Allow accepts.
const (
	AllowEnv     = "env"
	AllowFS      = "fs"
	AllowNet     = "net"
	AllowProcess = "process"
)

var allGrants = []string{AllowEnv, AllowFS, AllowNet, AllowProcess}

const grantNames = AllowEnv + ", " + AllowFS + ", " + AllowNet + " or " + AllowProcess

// Folder is a folder that a script may use the files of.
type Folder struct {
	// The path of the folder, with placeholders, as in script. A relative one starts at the folder
	// that Caddy runs in.
	Dir string `json:"dir"`

	// Whether the script may read only. Default: it may also write.
	ReadOnly bool `json:"read_only,omitempty"`
}

// readOnly follows a folder in the Caddyfile.
const readOnly = "ro"

// parseAllow reads grants, and behind each what narrows it: variables of env, folders of fs, where
// net may connect to. Behind env a word of small letters alone is rather a grant that is not known
// than a variable: the script would get less than is written, and only say so when it runs.
func (c *Config) parseAllow(d *caddyfile.Dispenser) error {
	file := d.File()
	args := d.RemainingArgs()
	if len(args) == 0 {
		return d.ArgErr()
	}
	before := map[string]int{AllowEnv: len(c.AllowEnv), AllowFS: len(c.AllowFS), AllowNet: len(c.AllowNet)}
	var grants []string
	rules := map[string][]string{}
	for _, arg := range args {
		of := ""
		if len(grants) > 0 {
			of = grants[len(grants)-1]
		}
		if _, narrows := before[of]; narrows && !slices.Contains(allGrants, arg) {
			rules[of] = append(rules[of], arg)
		} else {
			grants = append(grants, arg)
		}
	}
	for of, n := range before {
		if n > 0 && len(rules[of]) > 0 { // more rules
			c.Allow = slices.DeleteFunc(c.Allow, func(s string) bool { return s == of })
		}
	}
	for _, arg := range rules[AllowEnv] {
		if strings.Trim(arg, "abcdefghijklmnopqrstuvwxyz") == "" {
			return d.Errf("allow '%s' is unknown: %s%s; a variable of that name is '%s*' here", arg, grantNames,
				spelling.OrDidYouMean(spelling.Nearest(arg, allGrants)), arg)
		}
	}
	c.Allow = append(c.Allow, grants...)
	c.AllowEnv = append(c.AllowEnv, rules[AllowEnv]...)
	c.AllowNet = append(c.AllowNet, rules[AllowNet]...)
	for i, arg := range rules[AllowFS] {
		if arg != readOnly {
			c.AllowFS = append(c.AllowFS, Folder{Dir: besideFile(file, arg)})
			continue
		}
		if i == 0 || rules[AllowFS][i-1] == readOnly {
			return d.Errf("allow fs: '%s' follows a folder; a folder of that name is './%[1]s'", readOnly)
		}
		c.AllowFS[len(c.AllowFS)-1].ReadOnly = true
	}
	return wrapErr(d, c.checkGrants())
}

// AllowOnly grants what is named, with what narrowed it before.
func (c *Config) AllowOnly(grants []string) {
	c.Allow = grants
	if !slices.Contains(grants, AllowEnv) {
		c.AllowEnv = nil
	}
	if !slices.Contains(grants, AllowFS) {
		c.AllowFS = nil
	}
	if !slices.Contains(grants, AllowNet) {
		c.AllowNet = nil
	}
}

// checkGrants judges what the script may do.
func (c *Config) checkGrants() error {
	return cmp.Or(checkAllow(c.Allow), checkAllowEnv(c.Allow, c.AllowEnv), checkAllowFS(c.Allow, c.AllowFS),
		checkAllowNet(c.Allow, c.AllowNet))
}

func checkAllow(names []string) error {
	for i, name := range names {
		if !slices.Contains(allGrants, name) {
			return fmt.Errorf("allow '%s' is unknown: %s", name, grantNames)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("allow '%s' given twice", name)
		}
	}
	return nil
}

func checkAllowEnv(grants, rules []string) error {
	if len(rules) == 0 {
		return nil
	}
	if !slices.Contains(grants, AllowEnv) {
		return errors.New("allow_env narrows 'env', which allow does not grant")
	}
	for i, rule := range rules {
		if slices.Contains(rules[:i], rule) {
			return fmt.Errorf("allow env '%s' given twice", rule)
		}
	}
	if _, err := environ.ParsePolicy(rules); err != nil {
		return fmt.Errorf("allow env: %w", err)
	}
	return nil
}

func checkAllowFS(grants []string, folders []Folder) error {
	granted := slices.Contains(grants, AllowFS)
	switch {
	case granted && len(folders) == 0:
		return errors.New("allow fs: which folder? as in 'allow fs public ro', without ro to write also")
	case !granted && len(folders) > 0:
		return errors.New("allow_fs has folders for 'fs', which allow does not grant")
	}
	for i, folder := range folders {
		switch {
		case folder.Dir == "":
			return errors.New("allow fs: the folder is empty")
		case strings.ContainsRune(folder.Dir, 0):
			return errors.New("allow fs: the folder has a NUL")
		}
		if slices.ContainsFunc(folders[:i], func(other Folder) bool {
			return filepath.Clean(other.Dir) == filepath.Clean(folder.Dir)
		}) {
			return fmt.Errorf("allow fs '%s' given twice", folder.Dir)
		}
	}
	return nil
}

func checkAllowNet(grants, rules []string) error {
	if len(rules) == 0 {
		return nil
	}
	if !slices.Contains(grants, AllowNet) {
		return errors.New("allow_net narrows 'net', which allow does not grant")
	}
	for i, rule := range rules {
		if slices.Contains(rules[:i], rule) {
			return fmt.Errorf("allow net '%s' given twice", rule)
		}
	}
	if _, err := outbound.ParsePolicy(rules); err != nil {
		return fmt.Errorf("allow net: %w", err)
	}
	return nil
}
