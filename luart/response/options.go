package response

import "github.com/caddy-rover/rover/luart/luaval"

var (
	errorOptions  = luaval.NewOptions("handle", "headers")
	cookieOptions = luaval.NewOptions(
		"name", "value", "path", "domain", "max_age", "expires", "secure", "http_only", "same_site",
	).Words("same_site", "lax", "strict", "none")
)

// Options are the options of the functions that make and change responses, by the function
// as scripts call it.
var Options = map[string]luaval.OptionsAt{
	"api:error":      errorOptions.At(3),
	"res:set_cookie": cookieOptions.At(1),
}
