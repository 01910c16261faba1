// Package all is the list of the libraries that every script has. The VM gets it from whoever
// loads a script: it names no library itself.
package all

import (
	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/jsonlua"
	"github.com/caddy-rover/rover/luart/lib"
	"github.com/caddy-rover/rover/luart/lib/auth"
	"github.com/caddy-rover/rover/luart/lib/cookie"
	"github.com/caddy-rover/rover/luart/lib/crypto"
	"github.com/caddy-rover/rover/luart/lib/encoding"
	"github.com/caddy-rover/rover/luart/lib/env"
	"github.com/caddy-rover/rover/luart/lib/fs"
	"github.com/caddy-rover/rover/luart/lib/geo"
	"github.com/caddy-rover/rover/luart/lib/guard"
	"github.com/caddy-rover/rover/luart/lib/http"
	"github.com/caddy-rover/rover/luart/lib/ip"
	"github.com/caddy-rover/rover/luart/lib/jq"
	"github.com/caddy-rover/rover/luart/lib/limit"
	"github.com/caddy-rover/rover/luart/lib/metrics"
	"github.com/caddy-rover/rover/luart/lib/password"
	"github.com/caddy-rover/rover/luart/lib/re"
	"github.com/caddy-rover/rover/luart/lib/redis"
	"github.com/caddy-rover/rover/luart/lib/session"
	"github.com/caddy-rover/rover/luart/lib/shared"
	"github.com/caddy-rover/rover/luart/lib/store"
	libtime "github.com/caddy-rover/rover/luart/lib/time"
	"github.com/caddy-rover/rover/luart/lib/url"
	"github.com/caddy-rover/rover/luart/lib/webhook"
	"github.com/caddy-rover/rover/luart/luaval"
)

// Libraries returns the list. Any goroutine may call it; it must not be changed.
func Libraries() []*lib.Library { return libraries }

var libraries = []*lib.Library{
	{
		Name:    "json",
		Stubs:   jsonlua.Stubs,
		Options: map[string]luaval.OptionsAt{"decode": jsonlua.OptionNames.At(2)},
		Open:    func(s *lib.Scope) lua.LValue { return jsonlua.Open(s.L()) },
	},
	plain("base64", encoding.StubsBase64, encoding.OpenBase64),
	plain("hex", encoding.StubsHex, encoding.OpenHex),
	crypto.Library,
	plain("url", url.Stubs, url.Open),
	{
		Name:  "re",
		Stubs: re.Stubs,
		Makes: map[string]string{"compile": "regular expression"},
		Open:  func(s *lib.Scope) lua.LValue { return re.Open(s.L()) },
	},
	{
		Name:  "time",
		Stubs: libtime.Stubs,
		Open:  func(s *lib.Scope) lua.LValue { return libtime.Open(s.L(), s.Clock()) },
	},
	env.Library,
	fs.Library,
	http.Library,
	shared.Cache,
	shared.Lock,
	shared.Semaphore,
	shared.Channel,
	store.Library,
	store.Publish,
	store.Subscribe,
	redis.Library,
	limit.Library,
	cookie.Library,
	session.Library,
	auth.Library,
	password.Library,
	webhook.Library,
	ip.Library,
	geo.Library,
	jq.Library,
	guard.Library,
	metrics.Library,
}

// plain is a library of functions that need nothing but their arguments.
func plain(name, stubs string, open func(*lua.LState) *lua.LTable) *lib.Library {
	return &lib.Library{
		Name: name, Stubs: stubs,
		Open: func(s *lib.Scope) lua.LValue { return open(s.L()) },
	}
}
