package stdlib

import (
	"fmt"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// The bounds of what debug.print shows.
const (
	printDepth  = 5        // tables in each other
	printBytes  = 16 << 10 // of one call
	printFields = 200      // of all tables
	printString = 1 << 10  // of one string
)

// newDebugPrint makes debug.print(value[, label]): the value, written so that people can read it, to
// the hook, and as the result.
func newDebugPrint(b *envBuilder) lua.LValue {
	hook := b.hooks.Debug
	return b.L.NewFunction(func(L *lua.LState) int {
		label := luaval.OptString(L, 2, "")
		if hook != nil {
			hook(L, func() string {
				p := prettyPrinter{fields: printFields, within: map[*lua.LTable]bool{}}
				if label != "" {
					p.text.WriteString(cutText(label) + " = ")
				}
				p.write(L.Get(1), 0)
				return p.text.String()
			})
		}
		L.Push(L.Get(1))
		return 1
	})
}

// prettyPrinter writes values for people. It calls no metamethods.
type prettyPrinter struct {
	text   strings.Builder
	fields int // that may still come
	within map[*lua.LTable]bool
}

func (p *prettyPrinter) write(v lua.LValue, depth int) {
	switch v := v.(type) {
	case lua.LString:
		p.text.WriteString(strconv.Quote(cutText(string(v))))
	case *lua.LTable:
		p.table(v, depth)
	case lua.LNumber, lua.LBool, *lua.LNilType:
		p.text.WriteString(luaval.ExactText(v))
	default:
		p.text.WriteString("<" + v.Type().String() + ">")
	}
}

func (p *prettyPrinter) table(t *lua.LTable, depth int) {
	switch {
	case p.within[t]:
		p.text.WriteString("<circular>")
		return
	case depth == printDepth:
		p.text.WriteString("{…}")
		return
	}
	p.within[t] = true
	defer delete(p.within, t)
	p.text.WriteByte('{')
	n := 0
	for k, v := t.Next(lua.LNil); k != lua.LNil; k, v = t.Next(k) {
		if n++; n > 1 {
			p.text.WriteByte(',')
		}
		p.text.WriteString("\n" + strings.Repeat("  ", depth+1))
		if p.fields--; p.fields < 0 || p.text.Len() > printBytes {
			p.text.WriteString("…")
			break
		}
		name, isName := k.(lua.LString)
		switch {
		case isName:
			p.text.WriteString(printedKey(string(name)) + " = ")
		case k != lua.LNumber(n): // not the next of a list
			p.text.WriteByte('[')
			if of, ok := k.(*lua.LTable); ok {
				fmt.Fprintf(&p.text, "<table of %d>", of.Len())
			} else {
				p.write(k, depth)
			}
			p.text.WriteString("] = ")
		}
		if isName && isSecret(string(name)) && v.Type() != lua.LTBool {
			p.text.WriteString("***")
			continue
		}
		p.write(v, depth+1)
	}
	if n > 0 {
		p.text.WriteString("\n" + strings.Repeat("  ", depth))
	}
	p.text.WriteByte('}')
}

func printedKey(name string) string {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == "" && (name[0] < '0' || name[0] > '9') {
		return cutText(name)
	}
	return "[" + strconv.Quote(cutText(name)) + "]"
}

func cutText(s string) string {
	if len(s) > printString {
		return s[:printString] + "…"
	}
	return s
}

// secretNames are parts of names whose values no log should have.
var secretNames = []string{"passw", "secret", "token", "authorization", "cookie", "apikey", "privatekey", "credential", "session"}

// isSecret reports whether a name is one of a secret: Set-Cookie, api_key, dbPassword.
func isSecret(name string) bool {
	name = strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(cutText(name)))
	for _, part := range secretNames {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
