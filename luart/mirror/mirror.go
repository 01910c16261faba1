// Package mirror sends copies of requests to an upstream, for ctx:mirror, and drops the answers. It
// bounds how many are under way and what their bodies take, and knows no Lua.
package mirror

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddy-rover/rover/luart/clock"
)

const (
	// MaxCopies of requests may be under way at once in a VM, those whose body is still on its
	// way included. A shadow that is slow or down holds each for its timeout; further ones are
	// dropped.
	MaxCopies = 256

	// MaxBytes of bodies may be kept for them.
	MaxBytes = 64 << 20

	// DefaultTimeout is that of one copy.
	DefaultTimeout = 10 * time.Second

	// logEvery is how often a log line says that copies are lost.
	logEvery = 10 * time.Second
)

// Set are the copies of requests that a VM sends and whose answers nobody sees. Any goroutine may
// use it.
type Set struct {
	Clock    *clock.Clock    // that timeouts go by
	Stopping context.Context // cuts all copies

	Answered, Failed, Dropped atomic.Uint64

	logged atomic.Int64 // unix time of the last log line

	mu     sync.Mutex
	closed bool
	open   int
	bytes  int64 // of bodies
	wg     sync.WaitGroup
}

// Reserve takes a place for a copy, which is given back when that is sent or dropped.
func (s *Set) Reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.open >= MaxCopies {
		return false
	}
	s.open++
	s.wg.Add(1)
	return true
}

// grow takes n bytes more for the body of a copy.
func (s *Set) grow(n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.bytes+int64(n) > MaxBytes {
		return false
	}
	s.bytes += int64(n)
	return true
}

func (s *Set) give(bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	s.bytes -= int64(bytes)
	s.wg.Done()
}

// Close refuses further copies, and waits for those under way, which Stopping has told to end.
func (s *Set) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.Wait()
}

// Wait waits for the copies that are under way.
func (s *Set) Wait() { s.wg.Wait() }

// Kept returns how many copies are under way, and the bytes of their bodies.
func (s *Set) Kept() (open int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.bytes
}

// Drop counts a copy that is not sent.
func (s *Set) Drop(logger *zap.Logger, why string) {
	n := s.Dropped.Add(1)
	if s.mayLog() {
		logger.Warn("copies of requests are dropped (ctx:mirror)", zap.String("reason", why), zap.Uint64("dropped", n))
	}
}

// mayLog reports whether it is time for a further log line.
func (s *Set) mayLog() bool {
	now, was := time.Now().Unix(), s.logged.Load()
	return now-was >= int64(logEvery.Seconds()) && s.logged.CompareAndSwap(was, now)
}
