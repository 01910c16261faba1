// Package policy offers upstreams to a policy in Lua, and reads which one it means.
package policy

import (
	"fmt"
	"slices"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/luaval"
)

// Upstream is what a policy is told about an upstream that can be chosen.
type Upstream struct {
	Dial        string // address, as the configuration gives it
	Host        string // of Dial
	Place       int    // in the configuration's list, from 1: it stays when others are down
	Requests    int    // being served by it
	MaxRequests int    // that it may serve at once; 0: any number
	Fails       int    // remembered by passive health checks
}

func (u *Upstream) table(L *lua.LState) *lua.LTable {
	t := L.CreateTable(0, 6)
	t.RawSetString("dial", lua.LString(u.Dial))
	t.RawSetString("host", lua.LString(u.Host))
	t.RawSetString("place", lua.LNumber(u.Place))
	t.RawSetString("requests", lua.LNumber(u.Requests))
	t.RawSetString("fails", lua.LNumber(u.Fails))
	if u.MaxRequests > 0 {
		t.RawSetString("max_requests", lua.LNumber(u.MaxRequests))
	}
	return t
}

// Choice is what a policy chooses from.
type Choice struct {
	upstreams []Upstream
	entries   []*lua.LTable // of the upstreams
	list      *lua.LTable   // the entries, until the policy changes it: sorts it, for instance
}

// NewChoice returns the choice among upstreams.
func NewChoice(L *lua.LState, upstreams []Upstream) *Choice {
	c := &Choice{upstreams, make([]*lua.LTable, len(upstreams)), L.CreateTable(len(upstreams), 0)}
	for i := range upstreams {
		c.entries[i] = upstreams[i].table(L)
		c.list.RawSetInt(i+1, c.entries[i])
	}
	return c
}

// List is what the policy gets.
func (c *Choice) List() *lua.LTable { return c.list }

// Index returns the index of the upstream that a policy meant with v, -1 for none, or
// what is wrong with v.
func (c *Choice) Index(v lua.LValue) (at int, wrong string) {
	switch v := v.(type) {
	case *lua.LNilType:
		return -1, ""
	case lua.LString:
		if at = slices.IndexFunc(c.upstreams, func(u Upstream) bool { return u.Dial == string(v) }); at < 0 {
			return -1, fmt.Sprintf("returned %q, which is not the dial of an upstream that is available", string(v))
		}
		return at, ""
	case lua.LNumber:
		if n := int(v); lua.LNumber(n) == v {
			if t, ok := c.list.RawGetInt(n).(*lua.LTable); ok {
				return c.Index(t)
			}
		}
		return -1, fmt.Sprintf("returned %s: the list has upstreams 1 to %d", v, c.list.Len())
	case *lua.LTable:
		if at = slices.Index(c.entries, v); at >= 0 {
			return at, ""
		}
	}
	return -1, "returned a " + luaval.TypeName(v) + ": an upstream of the list, its number, its dial or nil expected"
}
