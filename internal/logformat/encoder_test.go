package logformat

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What has lines stands in lines, in the order of reading; the rest stays one line of JSON.
func TestEncoder(t *testing.T) {
	var out strings.Builder
	e := new(Encoder)
	e.LevelFormat, e.TimeFormat = "upper", "none"
	if err := e.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	log := zap.New(zapcore.NewCore(e, zapcore.AddSync(&out), zapcore.InfoLevel)).With(zap.String("vm", "shop"))
	log.Error("script error", zap.String("hint", "say b"), zap.Int("status", 500), zap.String("source", "return a.b"),
		zap.Error(errors.New("app.lua:1: no a\nat all")), zap.String("traceback", "stack traceback:\n\tapp.lua:1: in main\x1b[2J\n"),
		zap.String("uri", "/x\x1b[2J\u009b2J\u202e"), zap.String("more", "one\ntwo"))
	log.Info("served", zap.Int("n", 1))
	log.Info("printed \x1b]0;title\a\nERROR\tforged\x1b[2J", zap.Int("n", 2))
	const want = `ERROR	script error	{"vm": "shop", "status": 500, "uri": "/x\u001b[2J\u009b2J\u202e"}
    app.lua:1: no a
    at all
    > return a.b
    hint: say b
    stack traceback:
    	app.lua:1: in main\u001b[2J
    more: one
    two
INFO	served	{"vm": "shop", "n": 1}
INFO	printed \u001b]0;title\u0007	{"vm": "shop", "n": 2}
    ERROR	forged\u001b[2J
`
	var got strings.Builder
	for line := range strings.Lines(out.String()) { // console's time comes first
		if _, rest, ok := strings.Cut(line, "\t"); ok && !strings.HasPrefix(line, " ") {
			line = rest
		}
		got.WriteString(line)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb\nc":                "a\tb\nc",
		"\x1b]0;title\x07\r\x7f": `\u001b]0;title\u0007\u000d\u007f`,
		"\u202egnp":              `\u202egnp`,
		"\u009b2J\xff":           "\\u009b2J\ufffd",
		"\U000e0001":             `\udb40\udc01`,
		"grüße 👋":                "grüße 👋",
	} {
		if got := Printable(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
