package health

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Audience is who is told why a server is not ready.
type Audience int

// Audiences. A client on the same machine counts as one only where nobody says that he stands
// between the two.
const (
	Loopback Audience = iota
	Everybody
	Nobody
)

// Probes are the paths that are asked.
type Probes struct {
	Live, Ready string // "": there is none
	Details     Audience
}

// The paths of those who do not say others.
const (
	DefaultLive  = "/healthz"
	DefaultReady = "/readyz"
)

// MaxPath bounds the paths of probes.
const MaxPath = 128

// CheckPath says what is wrong with the path of a probe, "" if nothing is. Paths have one reading:
// nothing in them could be escaped, and no server takes a segment away.
func CheckPath(path string) (wrong string) {
	switch {
	case !strings.HasPrefix(path, "/"):
		return "must start with '/'"
	case len(path) > MaxPath:
		return "is longer than " + strconv.Itoa(MaxPath) + " bytes"
	case path == "/":
		return "would take the root of the site"
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		switch {
		case segment == "":
			return "has an empty segment"
		case segment == "." || segment == "..":
			return "has a dot segment"
		case strings.ContainsFunc(segment, func(r rune) bool { return !isPlain(r) }):
			return "may have letters, digits, '-', '_', '.' and '~' between its slashes"
		}
	}
	return ""
}

func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-_.~", r)
}

// Probe is which one a request asks.
type Probe int

// The probes.
const (
	None Probe = iota
	Live
	Ready
)

// Asked returns the probe that a URL names, to the byte: no other reading of the path is one. p may
// be nil.
func (p *Probes) Asked(u *url.URL) Probe {
	switch {
	case p == nil || u.RawPath != "" || u.Path == "":
		return None
	case u.Path == p.Live:
		return Live
	case u.Path == p.Ready:
		return Ready
	}
	return None
}

// Reason is why a server is not ready, or what is not as it should be.
type Reason struct {
	Code       string `json:"code"`
	Dependency string `json:"dependency,omitempty"`
	Reason     string `json:"reason,omitempty"`
}

// Codes of reasons.
const (
	DependencyUnavailable = "dependency_unavailable"
	Stopping              = "stopping"
	MemoryExceeded        = "memory_exceeded"
	QueueFilling          = "queue_filling"
	HookQuarantined       = "hook_in_quarantine"

	// Those that do not fail.
	HandlerQuarantined = "handler_in_quarantine"
	ReloadRefused      = "reload_refused"
	StoreDown          = "store_down"
)

// Report says whether a server may be sent requests.
type Report struct {
	Reasons  []Reason `json:"reasons,omitempty"`  // why it may not
	Warnings []Reason `json:"warnings,omitempty"` // what is wrong all the same
}

// Fail adds a reason.
func (r *Report) Fail(reason Reason) { r.Reasons = append(r.Reasons, reason) }

// Warn adds a warning.
func (r *Report) Warn(warning Reason) { r.Warnings = append(r.Warnings, warning) }

// Ready reports whether the server may be sent requests.
func (r *Report) Ready() bool { return len(r.Reasons) == 0 }

// Sort brings the report into an order that does not depend on who was asked first.
func (r *Report) Sort() {
	for _, list := range [][]Reason{r.Reasons, r.Warnings} {
		slices.SortFunc(list, func(a, b Reason) int {
			return cmp.Or(strings.Compare(a.Code, b.Code), strings.Compare(a.Dependency, b.Dependency), strings.Compare(a.Reason, b.Reason))
		})
	}
}

// answer is the body of an answer.
type answer struct {
	Status string `json:"status"`
	Report
}

// Serve answers a probe. report is asked where readiness is.
func (p *Probes) Serve(w http.ResponseWriter, r *http.Request, probe Probe, report func() Report) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		write(w, r, http.StatusMethodNotAllowed, map[string]string{"error": "Method not allowed"})
		return
	}
	if probe == Live {
		write(w, r, http.StatusOK, answer{Status: "ok"})
		return
	}
	is := report()
	status, body := http.StatusOK, answer{Status: "ready"}
	if !is.Ready() {
		status, body.Status = http.StatusServiceUnavailable, "not_ready"
	}
	if p.tells(r) {
		is.Sort()
		body.Report = is
	}
	write(w, r, status, body)
}

func write(w http.ResponseWriter, r *http.Request, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // no: it is made of texts
		status, text = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(text) // a client that has left is not told
	}
}

// forwarding are the headers of those who pass requests on for others.
var forwarding = []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"}

// tells reports whether the client of a request is told of reasons.
func (p *Probes) tells(r *http.Request) bool {
	switch p.Details {
	case Everybody:
		return true
	case Nobody:
		return false
	}
	for _, name := range forwarding {
		if len(r.Header[name]) > 0 {
			return false
		}
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && peer.Addr().Unmap().IsLoopback()
}
