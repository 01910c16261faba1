package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/internal/caddyenv"
	"github.com/caddy-rover/rover/internal/handler"
	"github.com/caddy-rover/rover/internal/libraries"
	"github.com/caddy-rover/rover/luart"
	"github.com/caddy-rover/rover/luart/geo"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/scripttest"
)

// scriptConfigs finds the configuration of scripts, in the Caddyfiles beside them. Not safe
// for concurrent use.
type scriptConfigs struct {
	path    string // of the last one that was adapted
	body    []byte
	adapted any
}

// open is a scripttest.Opener.
func (c *scriptConfigs) open(_ context.Context, o scripttest.Options) (scripttest.App, []string, error) {
	file := filepath.Join(filepath.Dir(o.Script), "Caddyfile")
	files := []string{o.Script, file}
	config, err := c.find(file, o.Script)
	if err != nil {
		return nil, files, err
	}
	t, err := handler.OpenTest(o, config, files)
	if err != nil {
		if t != nil {
			files = t.Files()
		}
		return nil, files, err
	}
	return t, files, nil
}

// unconfigured is the configuration of a script that no Caddyfile names: it may do what does
// no harm in a test.
var unconfigured = rovercaddyfile.Config{Allow: []string{rovercaddyfile.AllowEnv, rovercaddyfile.AllowNet}}

// find returns what the first rover directive in a Caddyfile says that names a script, or
// unconfigured if there is none, or no Caddyfile.
func (c *scriptConfigs) find(file, script string) (config rovercaddyfile.Config, err error) {
	body, err := module.ReadScript(file)
	if errors.Is(err, os.ErrNotExist) {
		return unconfigured, nil
	}
	if err != nil {
		return config, err
	}
	if c.path != file || !bytes.Equal(c.body, body) {
		adapted, err := adapt(file, body)
		if err != nil {
			return config, fmt.Errorf("the Caddyfile beside the script: %w", err)
		}
		c.path, c.body, c.adapted = file, body, adapted
	}
	directive := findDirective(c.adapted, script)
	if directive == nil {
		return unconfigured, nil
	}
	text, err := json.Marshal(directive)
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	return config, err
}

// findDirective returns the rover handler of a script in a config, nil if there is none.
func findDirective(config any, script string) (found map[string]any) {
	eachHandler(config, func(h map[string]any) {
		name, ok := h["script"].(string)
		if !ok || found != nil {
			return
		}
		if samePath(name, script) {
			found = h
		}
	})
	return found
}

// samePath reports whether a path in a config, with placeholders, leads to the same place as another
// one. Each is absolute or from here.
func samePath(inConfig, path string) bool {
	x, errX := filepath.Abs(caddy.NewReplacer().ReplaceAll(inConfig, ""))
	y, errY := filepath.Abs(path)
	return errX == nil && errY == nil && x == y
}

// beside is what a Caddyfile in a script's folder says of the script, for commands that only
// load it: the values of rover.config, libraries, files of rover.geo, and what it is granted.
type beside struct {
	Set       map[string]string `json:"set"`
	Libraries caddy.ModuleMap   `json:"libraries"`
	Geo       []string          `json:"geo"`

	Allow    []string                `json:"allow"`
	AllowEnv []string                `json:"allow_env"`
	AllowNet []string                `json:"allow_net"`
	AllowFS  []rovercaddyfile.Folder `json:"allow_fs"`

	found bool // a Caddyfile names the script
}

// configsBeside returns what the rover directives say that name a script in the Caddyfile in its
// folder, each once. Without one there is an empty one.
func configsBeside(script string) (list []beside, err error) {
	none := []beside{{Set: map[string]string{}}}
	file := filepath.Join(filepath.Dir(script), "Caddyfile")
	source, err := module.ReadScript(file)
	if errors.Is(err, fs.ErrNotExist) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	config, err := adapt(file, source)
	if err != nil {
		return none, err
	}
	eachHandler(config, func(h map[string]any) {
		if path, _ := h["script"].(string); !samePath(path, script) {
			return
		}
		text, _ := json.Marshal(h) // it was JSON
		b := beside{Set: map[string]string{}, found: true}
		if failed := json.Unmarshal(text, &b); failed != nil {
			err = failed
		}
		if !slices.ContainsFunc(list, func(other beside) bool { return reflect.DeepEqual(other, b) }) {
			list = append(list, b)
		}
	})
	if len(list) == 0 || err != nil {
		return none, err
	}
	return list, nil
}

// apply gives a script what the Caddyfile says, with what over says on top. Libraries live until
// done is called. An error leaves the script without those.
func (b beside) apply(s *luart.Script, over beside) (done func(), err error) {
	s.Config = b.Set
	maps.Copy(s.Config, over.Set)
	if len(b.Geo)+len(over.Geo) > 0 {
		s.Geo = geo.Nothing{} // the files are where the script is to run
	}
	names := caddy.ModuleMap{}
	maps.Copy(names, over.Libraries)
	maps.Copy(names, b.Libraries) // which have settings
	s.NotGiven = libraries.NotGiven(&rovercaddyfile.Config{LibrariesRaw: names})
	if len(names) == 0 {
		return func() {}, nil
	}
	base, err := caddyenv.Context()
	if err != nil {
		return func() {}, err
	}
	ctx, done := caddy.NewContext(base)
	libs, err := libraries.Load(ctx, &rovercaddyfile.Config{LibrariesRaw: names})
	if err == nil {
		s.Libraries = libs
	}
	return done, err
}

// adapt returns the config that a Caddyfile makes.
func adapt(file string, source []byte) (config any, err error) {
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt(source, map[string]any{"filename": file})
	if err == nil {
		err = json.Unmarshal(adapted, &config)
	}
	return config, err
}

// eachHandler calls f for each rover handler in a config, always in the same order.
func eachHandler(config any, f func(handler map[string]any)) {
	switch c := config.(type) {
	case map[string]any:
		if c["handler"] == "rover" {
			f(c)
		}
		for _, key := range slices.Sorted(maps.Keys(c)) {
			eachHandler(c[key], f)
		}
	case []any:
		for _, v := range c {
			eachHandler(v, f)
		}
	}
}
