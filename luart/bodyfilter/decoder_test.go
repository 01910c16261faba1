package bodyfilter

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type flushWriteCloser interface {
	io.WriteCloser
	Flush() error
}

// newEncoder returns a real encoder. "raw" is deflate without the header of zlib.
func newEncoder(t testing.TB, coding string, w io.Writer) flushWriteCloser {
	t.Helper()
	switch coding {
	case "gzip", "x-gzip":
		return gzip.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	case "raw":
		f, err := flate.NewWriter(w, flate.DefaultCompression)
		if err != nil {
			t.Fatal(err)
		}
		return f
	case "br":
		return brotli.NewWriterLevel(w, 1)
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	t.Fatalf("no encoder for %q", coding)
	return nil
}

// encode applies codings from left to right, as Content-Encoding lists them.
func encode(t testing.TB, codings string, body []byte) []byte {
	t.Helper()
	for coding := range strings.SplitSeq(codings, ",") {
		coding = strings.TrimSpace(coding)
		if coding == "" || coding == "identity" {
			continue
		}
		var buf bytes.Buffer
		w := newEncoder(t, coding, &buf)
		if _, err := w.Write(body); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		body = buf.Bytes()
	}
	return body
}

// contentEncoding is what a server says of the codings that encode knows.
func contentEncoding(codings string) string { return strings.ReplaceAll(codings, "raw", "deflate") }

var everyCoding = []string{
	"", "identity", "gzip", "x-gzip", "deflate", "raw", "br", "zstd", "gzip, br", "zstd, gzip", "br, zstd, gzip", "raw, raw",
}

// decode decodes a body that comes in pieces as split cuts it. It fails the test if the sink gets nothing, or something after an error.
func decode(t testing.TB, coding string, body []byte, limit int64, split func(left int) int) ([]byte, error) {
	t.Helper()
	var out []byte
	failed := false
	d, err := NewDecoder(contentEncoding(coding), limit, func(p []byte) error {
		if failed {
			t.Error("the sink was called after an error")
		}
		if len(p) == 0 {
			t.Error("the sink was given nothing")
		}
		out = append(out, p...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Abort()
	for len(body) > 0 {
		n := split(len(body))
		piece := bytes.Clone(body[:n])
		_, err := d.Write(piece)
		clear(piece) // the caller's again
		if err != nil {
			failed = true
			if _, again := d.Write(body[n:]); len(body) > n && !errors.Is(again, err) {
				t.Errorf("a Write after the error %v returns %v", err, again)
			}
			if again := d.Close(); !errors.Is(again, err) {
				t.Errorf("Close after the error %v returns %v", err, again)
			}
			return out, err
		}
		body = body[n:]
	}
	return out, d.Close()
}

func whole(left int) int  { return left }
func oneByte(int) int     { return 1 }
func random(left int) int { return 1 + rand.IntN(min(left, 5000)) }

func testBodies() map[string][]byte {
	noise := make([]byte, 200_000)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(noise)
	return map[string][]byte{
		"empty":  {},
		"byte":   {0},
		"text":   []byte(strings.Repeat("<p>lorem ipsum</p>\r\n", 5000)),
		"binary": noise,
		"mixed":  append(bytes.Repeat([]byte{0xff, 0, 0x1f, 0x8b}, 40_000), noise[:1000]...),
	}
}

func TestDecoderGivesBackWhatWasEncoded(t *testing.T) {
	for name, body := range testBodies() {
		for _, coding := range everyCoding {
			encoded := encode(t, coding, body)
			for splitName, split := range map[string]func(int) int{"whole": whole, "random": random, "oneByte": oneByte} {
				if splitName == "oneByte" && len(encoded) > 5_000 {
					continue
				}
				t.Run(fmt.Sprintf("body=%s/coding=%s/split=%s", name, coding, splitName), func(t *testing.T) {
					got, err := decode(t, coding, encoded, 0, split)
					if err != nil || !bytes.Equal(got, body) {
						t.Fatalf("%d bytes, error %v, want %d bytes", len(got), err, len(body))
					}
				})
			}
		}
	}
}

// What a server sends with a coding but without a body, as nginx does for an empty file.
func TestDecoderTakesNoBytesForAnEmptyBody(t *testing.T) {
	for _, coding := range everyCoding {
		if got, err := decode(t, coding, nil, 0, whole); err != nil || len(got) > 0 {
			t.Errorf("%q: %q, error %v", coding, got, err)
		}
	}
}

func TestDecoderHandsOutWhatWasFlushed(t *testing.T) {
	for _, coding := range []string{"", "gzip", "deflate", "raw", "br", "zstd"} {
		for _, size := range []int{1, 10, 5000, 100_000} {
			t.Run(fmt.Sprintf("coding=%s/size=%d", coding, size), func(t *testing.T) {
				var got bytes.Buffer
				d, err := NewDecoder(contentEncoding(coding), 0, func(p []byte) error { got.Write(p); return nil })
				if err != nil {
					t.Fatal(err)
				}
				defer d.Abort()
				var w flushWriteCloser = nopFlusher{d}
				if coding != "" {
					w = newEncoder(t, coding, d)
				}
				for i := range 5 {
					event := bytes.Repeat([]byte{'a' + byte(i)}, size)
					got.Reset()
					w.Write(event)
					if err := w.Flush(); err != nil {
						t.Fatal(err)
					}
					if !bytes.Equal(got.Bytes(), event) {
						t.Fatalf("event %d: %d of %d bytes came out", i, got.Len(), size)
					}
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

type nopFlusher struct{ *Decoder }

func (nopFlusher) Flush() error { return nil }

// Every cut is an error, at any byte, and what came out is the beginning of the body. deflate's and gzip's codings of some bytes are valid
// at no earlier byte.
func TestDecoderRefusesCutBodies(t *testing.T) {
	body := []byte(strings.Repeat("a body of some length; ", 20))
	for _, coding := range everyCoding {
		if coding == "" || coding == "identity" {
			continue
		}
		encoded := encode(t, coding, body)
		for n := 1; n < len(encoded); n++ {
			got, err := decode(t, coding, encoded[:n], 0, whole)
			var decodeErr *DecodeError
			if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.As(err, &decodeErr) || !strings.Contains(err.Error(), "ends too early") {
				t.Errorf("%s cut at %d of %d: error %v", coding, n, len(encoded), err)
			}
			if !bytes.HasPrefix(body, got) {
				t.Errorf("%s cut at %d: came out %q", coding, n, got)
			}
		}
	}
}

func TestDecoderRefusesWhatIsNotEncoded(t *testing.T) {
	body := []byte("the body, which is long enough")
	badSum := func(coding string, fromEnd int) []byte {
		b := encode(t, coding, body)
		b[len(b)-fromEnd] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		coding string
		body   []byte
		want   string
	}{
		"gzip, plain text":       {"gzip", body, "decoding gzip: gzip: invalid header"},
		"gzip, trailing garbage": {"gzip", append(encode(t, "gzip", body), "garbage....."...), "bytes after the end"},
		"gzip, zeros behind":     {"gzip", append(encode(t, "gzip", body), make([]byte, 20)...), "bytes after the end"},
		"gzip, checksum":         {"gzip", badSum("gzip", 5), "decoding gzip: gzip: invalid checksum"},
		"gzip, length":           {"gzip", badSum("gzip", 1), "decoding gzip: gzip: invalid checksum"},
		"deflate, garbage":       {"deflate", []byte("\xff\xff\xff\xff"), "decoding deflate: flate: corrupt input"},
		"deflate, trailing":      {"deflate", append(encode(t, "deflate", body), 0), "bytes after the end"},
		"deflate, checksum":      {"deflate", badSum("deflate", 1), "decoding deflate: zlib: invalid checksum"},
		"raw, trailing":          {"raw", append(encode(t, "raw", body), 1, 2, 3, 4, 5), "bytes after the end"},
		"br, plain text":         {"br", body, "decoding br: brotli"},
		"br, trailing":           {"br", append(encode(t, "br", body), "garbage"...), "decoding br: brotli: excessive input"},
		"zstd, plain text":       {"zstd", body, "decoding zstd: invalid input: magic number mismatch"},
		"zstd, trailing":         {"zstd", append(encode(t, "zstd", body), "garbage"...), "decoding zstd: invalid input: magic number mismatch"},
		"inner coding":           {"br, gzip", encode(t, "gzip", body), "decoding br: brotli"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, split := range []func(int) int{whole, oneByte} {
				got, err := decode(t, c.coding, c.body, 0, split)
				var decodeErr *DecodeError
				if !errors.As(err, &decodeErr) || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want %q", err, c.want)
				}
				if !bytes.HasPrefix(body, got) {
					t.Errorf("came out: %q", got)
				}
			}
		})
	}
}

func TestDecoderAcceptsSeveralMembersAndRawTrailers(t *testing.T) {
	a, b := []byte("first, "), []byte("second")
	for coding, body := range map[string][]byte{
		"gzip": append(append(encode(t, "gzip", a), encode(t, "gzip", nil)...), encode(t, "gzip", b)...),
		"zstd": append(append(encode(t, "zstd", a), encode(t, "zstd", b)...), "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz"...),
		"raw":  append(encode(t, "raw", []byte("first, second")), 1, 2, 3, 4),
	} {
		for _, split := range []func(int) int{whole, oneByte} {
			if got, err := decode(t, coding, body, 0, split); err != nil || string(got) != "first, second" {
				t.Errorf("%s: %q, error %v", coding, got, err)
			}
		}
	}
}

// The end of a member must not wait for the next one.
func TestDecoderHandsOutAMemberBeforeTheNext(t *testing.T) {
	var got []byte
	d, _ := NewDecoder("gzip", 0, func(p []byte) error { got = append(got, p...); return nil })
	defer d.Abort()
	if _, err := d.Write(encode(t, "gzip", []byte("first"))); err != nil || string(got) != "first" {
		t.Fatalf("%q, error %v", got, err)
	}
}

func TestDecoderRefusesLargeZstdWindows(t *testing.T) {
	for _, c := range []struct {
		window int
		ok     bool
	}{{8 << 20, true}, {16 << 20, false}} {
		var buf bytes.Buffer
		w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(c.window), zstd.WithEncoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, 20<<20)
		w.Write(body)
		w.Close()
		got, err := decode(t, "zstd", buf.Bytes(), 0, whole)
		if c.ok && (err != nil || len(got) != len(body)) || !c.ok && (!errors.Is(err, zstd.ErrWindowSizeExceeded) || len(got) > 0) {
			t.Errorf("window of %d: %d bytes, error %v", c.window, len(got), err)
		}
	}
}

func TestDecoderStopsAtTheLimit(t *testing.T) {
	body := []byte(strings.Repeat("0123456789", 10_000))
	for _, coding := range everyCoding {
		encoded := encode(t, coding, body)
		for _, limit := range []int64{1, 9_999, 99_999} {
			got, err := decode(t, coding, encoded, limit, random)
			if !errors.Is(err, ErrTooLarge) || !bytes.Equal(got, body[:limit]) {
				t.Errorf("%s, limit %d: %d bytes, error %v", coding, limit, len(got), err)
			}
		}
		for _, limit := range []int64{0, 100_000, 100_001} {
			if got, err := decode(t, coding, encoded, limit, random); err != nil || len(got) != len(body) {
				t.Errorf("%s, limit %d: %d bytes, error %v", coding, limit, len(got), err)
			}
		}
	}
}

func TestDecoderReturnsTheSinksError(t *testing.T) {
	mine := errors.New("the client has left")
	for _, coding := range everyCoding {
		calls := 0
		d, _ := NewDecoder(contentEncoding(coding), 0, func([]byte) error { calls++; return mine })
		_, err := d.Write(encode(t, coding, bytes.Repeat([]byte("x"), 500_000)))
		if err == nil {
			err = d.Close()
		}
		if !errors.Is(err, mine) || calls != 1 || !errors.Is(d.Close(), mine) {
			t.Errorf("%s: %v after %d calls", coding, err, calls)
		}
	}
}

// goleak finds a coroutine that nobody has ended: TestMain would fail without the Aborts.
func TestDecoderAbortEndsItsGoroutines(t *testing.T) {
	for _, coding := range everyCoding {
		encoded := encode(t, coding, bytes.Repeat([]byte("some text "), 1000))
		for _, n := range []int{0, 1, len(encoded) / 2, len(encoded)} {
			d, _ := NewDecoder(contentEncoding(coding), 0, func([]byte) error { return nil })
			if _, err := d.Write(encoded[:n]); err != nil {
				t.Fatal(err)
			}
			d.Abort()
			d.Abort()
			if _, err := d.Write(encoded); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: a Write after Abort returns %v", coding, err)
			}
			if err := d.Close(); err != nil {
				t.Errorf("%s: Close after Abort returns %v", coding, err)
			}
		}
	}
	goleak.VerifyNone(t)
}

func TestDecoderLeaksNothingWhenTheSinkPanicsOrAborts(t *testing.T) {
	encoded := encode(t, "gzip, br", make([]byte, 300_000))
	func() {
		d, _ := NewDecoder("gzip, br", 0, func([]byte) error { panic("a script's error") })
		defer func() {
			if recover() == nil {
				t.Error("the sink's panic did not come through")
			}
		}()
		defer d.Abort()
		d.Write(encoded)
	}()
	calls := 0
	var d *Decoder
	d, _ = NewDecoder("gzip, br", 0, func([]byte) error { calls++; d.Abort(); return nil })
	if _, err := d.Write(encoded); !errors.Is(err, ErrClosed) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
	goleak.VerifyNone(t)
}

// The test of the test: a decoder that is forgotten is a goroutine that goleak sees.
func TestForgottenDecoderIsSeen(t *testing.T) {
	d, _ := NewDecoder("gzip", 0, func([]byte) error { return nil })
	d.Write([]byte{0x1f})
	if err := goleak.Find(); err == nil {
		t.Error("goleak sees no coroutine")
	}
	d.Abort()
}

// 64 MiB come out of some KiB, in no more memory than the window and the buffers.
func TestDecoderMemoryIsBoundedWhateverTheRatio(t *testing.T) {
	const size = 64 << 20
	zeros := make([]byte, 1<<20)
	for coding, bound := range map[string]uint64{"gzip": 1 << 20, "deflate": 1 << 20, "br": 24 << 20, "zstd": 24 << 20, "gzip, gzip": 2 << 20} {
		t.Run("coding="+coding, func(t *testing.T) {
			var buf bytes.Buffer
			names := strings.Split(coding, ", ")
			var w io.Writer = &buf
			var closers []io.Closer
			for i := len(names) - 1; i >= 0; i-- {
				e := newEncoder(t, names[i], w)
				w, closers = e, append([]io.Closer{e}, closers...)
			}
			for range size / len(zeros) {
				w.Write(zeros)
			}
			for _, c := range closers {
				c.Close()
			}
			var got int64
			d, _ := NewDecoder(coding, 0, func(p []byte) error { got += int64(len(p)); return nil })
			defer d.Abort()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := d.Write(buf.Bytes())
			if err == nil {
				err = d.Close()
			}
			runtime.ReadMemStats(&after)
			if err != nil || got != size {
				t.Fatalf("%d bytes, error %v", got, err)
			}
			// All that was ever allocated, whether or not it was freed again.
			if n := after.TotalAlloc - before.TotalAlloc; n > bound {
				t.Errorf("allocated %d KiB for %d encoded bytes, want at most %d", n>>10, buf.Len(), bound>>10)
			}
		})
	}
}

func TestNewDecoderRefusesUnknownCodings(t *testing.T) {
	for _, c := range []struct {
		coding, want string
	}{
		{"compress", `content coding "compress" cannot be decoded: gzip, br, zstd, deflate can`},
		{"gzip, dcb", `content coding "dcb" cannot be decoded`},
		{"gzip, gzip, gzip, gzip", "more than 3 layers"},
	} {
		if _, err := NewDecoder(c.coding, 0, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.coding, err)
		}
		if Decodable(c.coding) {
			t.Errorf("%s: decodable", c.coding)
		}
	}
	for _, coding := range []string{"", "GZIP", " br ,gzip", "identity, zstd", ",,deflate"} {
		if !Decodable(coding) {
			t.Errorf("%s: not decodable", coding)
		}
	}
}

// FuzzDecoder feeds anything: no panic, nothing after an error, and the same result however it is cut.
func FuzzDecoder(f *testing.F) {
	for _, coding := range everyCoding[2:] {
		encoded := encode(f, coding, []byte(strings.Repeat("some text, ", 30)))
		f.Add(contentEncoding(coding), encoded, uint16(1))
		f.Add(contentEncoding(coding), encoded[:len(encoded)/2], uint16(7))
		f.Add(contentEncoding(coding), append(encoded, "more"...), uint16(300))
	}
	// Excessive input, but only byte by byte.
	f.Add("br", []byte("\x8b\xa4\x00\x00\x80\xaa\xaa\xaa\xea\xfft%\xb8\xf3\xf5JG\x019\b\x1f\x04\x0e\xe0\xe2W\x8aL\xd1\x8f\x1d\xc0\x1a\x9f\xba\x1d\xa9\xdf\x90\xdf\r"), uint16(0))
	f.Fuzz(func(t *testing.T, coding string, body []byte, step uint16) {
		if !Decodable(coding) {
			return
		}
		const limit = 1 << 20
		got, err := decode(t, coding, body, limit, whole)
		again, againErr := decode(t, coding, body, limit, func(left int) int { return min(left, int(step)+1) })
		if err == nil && againErr != nil && strings.Contains(againErr.Error(), "brotli: excessive input") {
			return // see brotliReader
		}
		if (err == nil) != (againErr == nil) {
			t.Fatalf("error %v, in pieces %v", err, againErr)
		}
		if err == nil && !bytes.Equal(got, again) {
			t.Fatalf("%q, in pieces %q", got, again)
		}
		if len(got) > limit || len(again) > limit {
			t.Fatal("more than the limit")
		}
	})
}

// BenchmarkDecoder decodes 1 MiB of HTML that comes in pieces of 32 KiB.
func BenchmarkDecoder(b *testing.B) {
	var body bytes.Buffer
	for i := 0; body.Len() < 1<<20; i++ {
		fmt.Fprintf(&body, "<tr class=\"row-%d\"><td>%x</td><td>item %d</td></tr>\n", i%7, rand.Uint32(), i)
	}
	for _, coding := range []string{"", "gzip", "deflate", "br", "zstd"} {
		b.Run("coding="+coding, func(b *testing.B) {
			encoded := encode(b, coding, body.Bytes()[:1<<20])
			b.SetBytes(1 << 20)
			b.ReportAllocs()
			for b.Loop() {
				n := 0
				d, _ := NewDecoder(coding, 0, func(p []byte) error { n += len(p); return nil })
				for rest := encoded; len(rest) > 0; {
					k := min(32<<10, len(rest))
					d.Write(rest[:k])
					rest = rest[k:]
				}
				if err := d.Close(); err != nil || n != 1<<20 {
					b.Fatal(n, err)
				}
			}
		})
	}
}
