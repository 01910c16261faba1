package resilience

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is how a request has failed without a response.
type Kind string

// The kinds, which are called as in the errors of rover.http.
const (
	Connect  Kind = "connect"  // no connection
	DNS      Kind = "dns"      // the name could not be resolved
	TLS      Kind = "tls"      // no secure connection
	Timeout  Kind = "timeout"  // it took too long
	Protocol Kind = "protocol" // the connection broke off, or what came is no HTTP
)

var kinds = [...]Kind{Connect, DNS, TLS, Timeout, Protocol}

// Unsent reports whether nothing of the request can have reached the service.
func (k Kind) Unsent() bool { return k == Connect || k == DNS || k == TLS }

// On says which ends of a request are failures.
type On struct {
	kinds    []Kind
	statuses []int
}

// OnRetry are the failures that a request is made again for, unless a script says otherwise: what
// was not sent, and what another process in front of the service says of it.
func OnRetry() On { return On{[]Kind{Connect, DNS}, []int{502, 503, 504}} }

// OnBreaker are the failures that open a breaker, unless a script says otherwise. 500 is none: what
// one client sends is often enough for it, who could close the service for all others.
func OnBreaker() On { return On{kinds[:], []int{502, 503, 504}} }

// AddKind adds a kind by its name.
func (o *On) AddKind(name string) error {
	if !slices.Contains(kinds[:], Kind(name)) {
		names := make([]string, len(kinds))
		for i, k := range kinds {
			names[i] = string(k)
		}
		return fmt.Errorf("%q is no failure: there are %s and statuses", name, strings.Join(names, ", "))
	}
	if !slices.Contains(o.kinds, Kind(name)) {
		o.kinds = append(o.kinds, Kind(name))
	}
	return nil
}

var errStatus = errors.New("a status from 400 to 599 expected")

// AddStatus adds a status.
func (o *On) AddStatus(status int) error {
	if status < 400 || status > 599 {
		return errStatus
	}
	if !slices.Contains(o.statuses, status) {
		o.statuses = append(o.statuses, status)
	}
	return nil
}

// Kind reports whether an end without a response is a failure.
func (o *On) Kind(k Kind) bool { return slices.Contains(o.kinds, k) }

// Status reports whether a response is a failure.
func (o *On) Status(status int) bool { return slices.Contains(o.statuses, status) }
