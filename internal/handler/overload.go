package handler

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddy-rover/rover/eventloop"
	"github.com/caddy-rover/rover/luart"
)

// limits returns what the configuration allows requests to ask of the VM.
func (h *Handler) limits() eventloop.Limits {
	return eventloop.Limits{
		Queue:        h.Queue,
		Batch:        h.Batch,
		QueueTimeout: time.Duration(h.QueueTimeout),
		MaxWaiting:   h.MaxWaiting,
	}
}

// priority returns the class of a request in the queue of the VM, as the priority option says.
// Any goroutine may call it.
func (h *Handler) priority(r *http.Request) eventloop.Class {
	if h.Priority == "" {
		return eventloop.Normal
	}
	value := h.Priority
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		value = repl.ReplaceAll(value, "")
	}
	switch value {
	case "high":
		return eventloop.High
	case "low":
		return eventloop.Low
	default:
		return eventloop.Normal
	}
}

// refuse answers a request that the VM did not take, or a rule not let through, before any Lua has
// run. route is that of the request, "" where none is known.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, route string, err error) error {
	if luart.ClientLeft(r, err) {
		return caddyhttp.Error(luart.StatusClientClosed, err)
	}
	var status int
	var header http.Header
	var body []byte
	var refusal luart.Refusal
	if errors.As(err, &refusal) {
		h.logUnasked(route, err)
		status, header, body = refusal.Answer()
	} else {
		err = h.overloaded(route, err)
		status, body = http.StatusServiceUnavailable, []byte(`{"error":"overloaded"}`)
	}
	maps.Copy(w.Header(), header.Clone())
	if retry := h.vm.RetryAfter(); status == http.StatusServiceUnavailable && header["Retry-After"] == nil && retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((retry+time.Second-1)/time.Second)))
	}
	if hasErrorRoutes(r) && !answersError(r) {
		return caddyhttp.Error(status, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, err = w.Write(body)
	return err
}

// overloaded logs why the VM did not take a request, if that is overload, once a second, and returns
// the error in words for whoever knows of requests only. Any goroutine may call it.
func (h *Handler) overloaded(route string, err error) error {
	o := overloadOf(err)
	if o == nil {
		return err
	}
	h.logOverload(route, o)
	return overloadError{o, err}
}

func (h *Handler) logOverload(route string, o *overload) {
	now := time.Now().Unix()
	if last := h.refusing.Load(); now == last || !h.refusing.CompareAndSwap(last, now) {
		return
	}
	st := h.vm.Stats()
	h.logger.Warn("refusing requests", append(h.logFields(route),
		zap.String("reason", o.text),
		zap.String("remedy", o.remedy),
		zap.Int("queued", st.Depth),
		zap.Int("waiting", st.Waiting),
		zap.Uint64("refused_queue", st.Refused.Full),
		zap.Uint64("refused_share", st.Refused.Quota),
		zap.Uint64("refused_queue_timeout", st.Refused.QueueTimeout),
		zap.Uint64("refused_max_waiting", st.Refused.Waiting),
		zap.Uint64("refused_waiting_share", st.Refused.WaitingQuota))...)
}

// logFields say which VM a line of the log is about, and which route if one is known.
func (h *Handler) logFields(route string) []zap.Field {
	fields := []zap.Field{zap.String("vm", h.vm.Name)}
	if route != "" {
		fields = append(fields, zap.String("route", route))
	}
	return fields
}

// logUnasked logs that the store of a limit has not answered, once a second. Any goroutine may
// call it.
func (h *Handler) logUnasked(route string, err error) {
	var limited *luart.LimitedError
	if !errors.As(err, &limited) || limited.Err == nil {
		return
	}
	if now := time.Now().Unix(); h.unasked.Swap(now) != now {
		h.logger.Warn("a limit cannot be asked: requests are refused", append(h.logFields(route),
			zap.String("limit", limited.Rule), zap.Error(limited.Err),
			zap.String("remedy", `with on_failure = "local" each machine counts for itself meanwhile`))...)
	}
}
