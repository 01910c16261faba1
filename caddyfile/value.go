package caddyfile

import (
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// parseText reads one argument as it stands.
func parseText(d *caddyfile.Dispenser, into *string, check func(string) error) error {
	if !d.AllArgs(into) {
		return d.ArgErr()
	}
	return wrapErr(d, check(*into))
}

// parseCount reads one whole number in a range.
func parseCount(d *caddyfile.Dispenser, into *int, in counts) error {
	option := d.Val()
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return d.Errf("bad %s value '%s': a whole number from %d to %d, such as %d, expected: %v", option, text, in.low, in.high, in.usual, plainCause(err))
	}
	*into = n
	return wrapErr(d, in.check(option, n))
}

// parseSize reads one number of bytes, with an optional unit, in a range.
func parseSize(d *caddyfile.Dispenser, into *int64, in sizes) error {
	option := d.Val()
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	size, err := humanize.ParseBytes(text)
	if err != nil {
		return d.Errf("bad %s value '%s': a size such as %s, from %v, expected: %v", option, text, sizeText(in.usual), in, plainCause(err))
	}
	*into = int64(min(size, math.MaxInt64)) // past every range either way
	return wrapErr(d, in.check(*into))
}

// parseDuration reads one duration in Caddy's form, which has days too.
func parseDuration(d *caddyfile.Dispenser, into *caddy.Duration, check func(time.Duration) error) error {
	option := d.Val()
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	dur, err := caddy.ParseDuration(text)
	if err != nil {
		return d.Errf("bad %s value '%s': a duration such as 500ms or 1m30s expected: %v", option, text, err)
	}
	*into = caddy.Duration(dur)
	return wrapErr(d, check(dur))
}

// wrapErr adds d's file and line to err, if there is one.
func wrapErr(d *caddyfile.Dispenser, err error) error {
	if err == nil {
		return nil
	}
	return d.WrapErr(err)
}

// plainCause returns err without strconv's function name and second copy of the
// input: "invalid syntax".
func plainCause(err error) error {
	var bad *strconv.NumError
	if errors.As(err, &bad) {
		return bad.Err
	}
	return err
}
