package loglimit

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Loggers that add fields to their entries, and cores that choose entries, work as they did.
func TestBoundKeepsTheCore(t *testing.T) {
	var all, warnings bytes.Buffer
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "msg"})
	l := Bound(Bound(zap.New(zapcore.NewTee(
		zapcore.NewCore(encoder, zapcore.AddSync(&all), zapcore.InfoLevel),
		zapcore.NewCore(encoder, zapcore.AddSync(&warnings), zapcore.WarnLevel)))))
	long := l.With(zap.String("uri", strings.Repeat("u", 1<<20)))
	l.Debug("d")
	l.Info("i", zap.String("a", "b"))
	long.Warn("w", zap.Error(errors.New("m")))
	uri := strings.Repeat("u", maxWith-3) + "…"
	warning := `{"msg":"w","uri":"` + uri + `","error":"m","truncated":true}` + "\n"
	if got := all.String(); got != `{"msg":"i","a":"b"}`+"\n"+warning {
		t.Errorf("all: %.300s", got)
	}
	if got := warnings.String(); got != warning {
		t.Errorf("warnings: %.300s", got)
	}
}

func TestLogWidth(t *testing.T) {
	for _, text := range []string{"", "plain", "ä€😀", "\x00\n\"\\\t\x7f", "\xff\xc3", "\u2028", strings.Repeat("ä", 100)} {
		var out bytes.Buffer
		core := zapcore.NewCore(zapcore.NewJSONEncoder(zapcore.EncoderConfig{MessageKey: "m", SkipLineEnding: true}),
			zapcore.AddSync(&out), zapcore.DebugLevel)
		zap.New(core).Info(text)
		n, width := Width(text, 1<<20)
		if wrote := out.Len() - len(`{"m":""}`); n != len(text) || width < wrote {
			t.Errorf("%q: %d bytes take %d, wrote %d", text, n, width, wrote)
		}
		for limit := range 20 {
			cut := Cut(text, limit)
			if _, width := Width(cut, 1<<20); utf8.ValidString(text) && !utf8.ValidString(cut) || width > max(limit, 3) {
				t.Errorf("%q cut to %d: %q", text, limit, cut)
			}
		}
	}
}
