package logformat

import (
	"os"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

func init() { caddy.RegisterModule(new(Encoder)) }

// Encoder is the log format console, with what scripts' errors bring along in lines of its own
// below the entry: message, source, hint, traceback, and whatever else has several lines, so that
// no text passes for an entry. The
// options are those of console; level_format is color by default only where the log goes to a
// terminal and NO_COLOR is not set, and upper elsewhere. It is for reading; other programs cannot
// take it apart.
type Encoder struct {
	logging.ConsoleEncoder

	plain bool // nobody has said which level_format
}

// New returns an encoder that needs no Provision, for loggers of one's own.
func New(config zapcore.EncoderConfig) *Encoder {
	e := new(Encoder)
	e.Encoder = zapcore.NewConsoleEncoder(config)
	return e
}

// CaddyModule returns the Caddy module information.
func (*Encoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.rover", New: func() caddy.Module { return new(Encoder) }}
}

// Provision sets up the encoder.
func (e *Encoder) Provision(ctx caddy.Context) error {
	if e.plain = e.LevelFormat == ""; e.plain {
		e.LevelFormat = "upper"
	}
	return e.ConsoleEncoder.Provision(ctx)
}

// ConfigureDefaultFormat implements caddy.ConfiguresFormatterDefault.
func (e *Encoder) ConfigureDefaultFormat(to caddy.WriterOpener) error {
	if e.plain && Colors(os.Stderr) && caddy.IsWriterStandardStream(to) {
		e.LevelFormat = "color"
		e.Encoder = zapcore.NewConsoleEncoder(e.ZapcoreEncoderConfig())
	}
	return nil
}

// Clone implements zapcore.Encoder.
func (e *Encoder) Clone() zapcore.Encoder {
	c := new(Encoder)
	c.ConsoleEncoder = e.ConsoleEncoder
	c.Encoder = e.Encoder.Clone()
	return c
}

// ownLines are fields that have lines of their own, in this order, and what stands before them.
// Others with several lines come behind, with their names.
var ownLines = []struct{ key, before string }{
	{"error", ""}, {"source", "> "}, {"hint", "hint: "}, {"traceback", ""},
}

// EncodeEntry implements zapcore.Encoder.
func (e *Encoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	var inLine []zapcore.Field
	own, others := make([]string, len(ownLines)), []string{}
	for _, f := range fields {
		text, isText := textOf(f)
		i := slices.IndexFunc(ownLines, func(o struct{ key, before string }) bool { return o.key == f.Key })
		switch {
		case isText && i >= 0 && own[i] == "":
			own[i] = ownLines[i].before + text
		case isText && strings.Contains(text, "\n"):
			others = append(others, f.Key+": "+text)
		default:
			inLine = append(inLine, f)
		}
	}
	message, more, _ := strings.Cut(entry.Message, "\n")
	entry.Message = Printable(message)
	out, err := e.Encoder.EncodeEntry(entry, inLine)
	if err != nil {
		return out, err
	}
	line := escape(out.String(), "\n\t\x1b") // JSON has escaped the ESCs of fields, others are colors
	out.Reset()
	out.AppendString(line)
	for _, text := range slices.Concat([]string{more}, own, others) {
		if text == "" {
			continue
		}
		for line := range strings.SplitSeq(strings.TrimRight(Printable(text), "\n"), "\n") {
			out.AppendString("    " + line + "\n")
		}
	}
	return out, nil
}

// textOf returns the text of a field that has one.
func textOf(f zapcore.Field) (string, bool) {
	switch f.Type {
	case zapcore.StringType:
		return f.String, true
	case zapcore.ErrorType:
		if err, ok := f.Interface.(error); ok {
			return err.Error(), true
		}
	}
	return "", false
}

// Interface guards
var (
	_ caddy.Provisioner                = (*Encoder)(nil)
	_ caddy.ConfiguresFormatterDefault = (*Encoder)(nil)
	_ zapcore.Encoder                  = (*Encoder)(nil)
)
