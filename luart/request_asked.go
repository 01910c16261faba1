package luart

import "net/http"

// Asked is what the rules of scripts have said to a request. It outlives the exchange: a request that
// has failed comes to a script again where routes for errors (handle_errors) do. Only the goroutine
// of the request may use it. The zero value is of a request that nobody has asked.
type Asked struct {
	verdicts []verdictOf
}

// verdictOf is what one rule has said.
type verdictOf struct {
	rule         *handler
	method, path string // as they were then
	refused      error  // nil: it has let it through
}

// note adds what a rule has said to r. nil is for a request that cannot come again.
func (a *Asked) note(rule *handler, r *http.Request, refused error) {
	if a != nil {
		a.verdicts = append(a.verdicts, verdictOf{rule, r.Method, r.URL.Path, refused})
	}
}

// askedBefore returns what a rule has said to a request that comes again because it has failed. So it
// is counted once, and what was refused is not run now. But routes for errors that have rewritten the
// request show what its author wants to be seen instead.
func (x *Exchange) askedBefore(rule *handler) (refused error, known bool) {
	if x.answersFor == 0 || x.verdicts == nil {
		return nil, false
	}
	for _, v := range x.verdicts.verdicts {
		if v.rule.route == rule.route && v.rule.where == rule.where { // of another load of the script, perhaps
			if v.method != x.r.Method || v.path != x.r.URL.Path {
				return nil, true
			}
			return v.refused, true
		}
	}
	return nil, false
}
