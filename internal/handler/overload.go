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
// run.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	if luart.ClientLeft(r, err) {
		return caddyhttp.Error(luart.StatusClientClosed, err)
	}
	var status int
	var header http.Header
	var body []byte
	var refusal luart.Refusal
	if errors.As(err, &refusal) {
		h.logUnasked(err)
		status, header, body = refusal.Answer()
	} else {
		h.logRefusal(err)
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

// logRefusal logs why the VM did not take a request, if that is overload, once a second.
// Any goroutine may call it.
func (h *Handler) logRefusal(err error) {
	remedy := remedy(err)
	if remedy == "" {
		return
	}
	now := time.Now().Unix()
	if last := h.refusing.Load(); now == last || !h.refusing.CompareAndSwap(last, now) {
		return
	}
	st := h.vm.Stats()
	h.logger.Warn("refusing requests",
		zap.String("reason", err.Error()),
		zap.String("remedy", remedy),
		zap.Int("queued", st.Depth),
		zap.Int("waiting", st.Waiting),
		zap.Uint64("refused_queue", st.Refused.Full),
		zap.Uint64("refused_share", st.Refused.Quota),
		zap.Uint64("refused_queue_timeout", st.Refused.QueueTimeout),
		zap.Uint64("refused_max_waiting", st.Refused.Waiting),
		zap.Uint64("refused_waiting_share", st.Refused.WaitingQuota))
}

// logUnasked logs that the store of a limit has not answered, once a second. Any goroutine may
// call it.
func (h *Handler) logUnasked(err error) {
	var limited *luart.LimitedError
	if !errors.As(err, &limited) || limited.Err == nil {
		return
	}
	if now := time.Now().Unix(); h.unasked.Swap(now) != now {
		h.logger.Warn("a limit cannot be asked: requests are refused", zap.String("limit", limited.Rule), zap.Error(limited.Err),
			zap.String("remedy", `with on_failure = "local" each machine counts for itself meanwhile`))
	}
}

// remedy returns what an operator can do about a refusal, "" if it is not overload.
func remedy(err error) string {
	switch {
	case errors.Is(err, eventloop.ErrQuotaUsed):
		return "make the handlers of this route faster; one route gets half of the queue, so a longer queue is a longer half"
	case errors.Is(err, eventloop.ErrOverloaded):
		return "make handlers faster, raise queue, or lower queue_timeout, so that the queue holds only requests that can be served"
	case errors.Is(err, eventloop.ErrQueueTimeout):
		return "make handlers faster, lower burst, which bounds what one of them may cost the others, or raise queue_timeout"
	case errors.Is(err, eventloop.ErrWaitingQuotaUsed):
		return "make the services that handlers of this route wait for faster, or lower timeout; one route gets half of max_waiting, so a higher one is a higher half"
	case errors.Is(err, eventloop.ErrTooManyWaiting):
		return "make the services that handlers wait for faster, lower timeout, or raise max_waiting if there is memory"
	case errors.Is(err, luart.ErrTooManyDone):
		return "have done hooks do less, or make what they wait for faster; as many requests may have some to come as max_waiting says"
	case errors.Is(err, luart.ErrMemory):
		return "have the scripts keep less, or raise memory; the log said what takes most"
	default:
		return ""
	}
}
