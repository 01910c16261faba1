package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	rovercaddyfile "github.com/caddy-rover/rover/caddyfile"
	"github.com/caddy-rover/rover/luart/lint"
	"github.com/caddy-rover/rover/luart/module"
	"github.com/caddy-rover/rover/luart/spelling"
)

// checkCaddyfile finds the scripts that a Caddyfile names and that Caddy could not read. notes gets
// what cannot be known here. A Caddyfile that is none is nothing to say here, unless alone is true:
// no script that is checked lies beside it.
func checkCaddyfile(file string, alone bool, notes io.Writer) []lint.Finding {
	source, err := module.ReadScript(file)
	if err != nil || !bytes.Contains(source, []byte("rover")) {
		return nil
	}
	config, err := adapt(file, source)
	if err != nil {
		if !alone {
			return nil
		}
		f := caddyfileFinding(file, err)
		f.Hint = "Caddy would not start"
		return []lint.Finding{f}
	}
	var found []lint.Finding
	eachHandler(config, func(h map[string]any) {
		script, _ := h["script"].(string)
		path, err := caddy.NewReplacer().ReplaceOrErr(script, true, true)
		if err != nil {
			fmt.Fprintf(notes, "%s: the script %s is not looked for: %s\n", file, script, err)
			return
		}
		if _, err = module.ReadScript(path); err == nil {
			return
		}
		f := unreadableScript(file, path, err)
		f.File, f.Line, f.Source = findScriptToken(file, source, path)
		found = append(found, f)
	})
	return found
}

// unreadableScript says why Caddy could not read a script that a Caddyfile names.
func unreadableScript(file, path string, err error) lint.Finding {
	f := lint.Finding{File: file, Severity: lint.Error, Code: "caddyfile", Hint: "Caddy would not start"}
	name := filepath.Base(path)
	var cause *fs.PathError
	info, failed := os.Stat(path)
	switch {
	case failed == nil && info.IsDir():
		f.Message = "the script " + name + " is a folder"
	case errors.As(err, &cause):
		f.Message = "the script " + name + " cannot be read: " + cause.Err.Error()
	default:
		f.Message = "the script cannot be read: " + err.Error()
	}
	if errors.Is(err, fs.ErrNotExist) {
		others, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*.lua"))
		for i := range others {
			others[i] = filepath.Base(others[i])
		}
		f.Hint += spelling.OrDidYouMean(spelling.Nearest(name, others))
	}
	return f
}

// findScriptToken returns where a rover directive names a script, in the Caddyfile or in a file that
// it imports. The line is 0 where that is not known.
func findScriptToken(file string, source []byte, script string) (in string, line int, text string) {
	blocks, err := caddyfile.Parse(file, source)
	if err != nil { // the adapter has read it
		return file, 0, ""
	}
	for _, block := range blocks {
		tokens := slices.Concat(block.Segments...)
		for i := 1; i < len(tokens); i++ {
			if t := tokens[i]; inRoverLine(tokens, i) && samePath(besideToken(t), script) {
				return nameFromHere(t.File, file), t.Line, lineOf(t, file, source)
			}
		}
	}
	return file, 0, ""
}

// inRoverLine reports whether a token is an argument of a rover directive.
func inRoverLine(tokens []caddyfile.Token, i int) bool {
	first := i
	for first > 0 && tokens[first-1].Line == tokens[i].Line && tokens[first-1].File == tokens[i].File {
		first--
	}
	return first < i && slices.ContainsFunc(tokens[first:i], func(t caddyfile.Token) bool { return t.Text == "rover" })
}

// besideToken is the path that an argument means, relative to where the process is.
func besideToken(t caddyfile.Token) string {
	if filepath.IsAbs(t.Text) || t.Text[:min(1, len(t.Text))] == "{" {
		return t.Text
	}
	return filepath.Join(rovercaddyfile.LiteralPath(filepath.Dir(t.File)), t.Text)
}

// nameFromHere names an imported file, which Caddy has made absolute, as the Caddyfile is named.
func nameFromHere(path, caddyfile string) string {
	if here, err := os.Getwd(); err == nil && filepath.IsAbs(path) && !filepath.IsAbs(caddyfile) {
		if name, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(name) {
			return name
		}
	}
	return path
}

// lineOf returns the line of a token, as it is written.
func lineOf(t caddyfile.Token, file string, source []byte) string {
	if t.File != file {
		source, _ = module.ReadScript(t.File)
	}
	if lines := bytes.Split(source, []byte("\n")); t.Line >= 1 && t.Line <= len(lines) {
		return string(bytes.TrimRight(lines[t.Line-1], "\r"))
	}
	return ""
}
