package reqbody

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

// Lines joins lines with CRLF.
func lines(l ...string) string { return strings.Join(l, "\r\n") }

func field(name, value string) string {
	return lines("--B", `Content-Disposition: form-data; name="`+name+`"`, "", value, "")
}

func TestScanParts(t *testing.T) {
	const end = "--B--\r\n"
	file := lines("--B", `content-disposition: form-data; name="f"; filename="C:\\dir\\a.txt"`, "Content-Type: text/x", "", "line\r\n--Bnot\r\n--", "")
	for name, c := range map[string]struct{ body, want string }{
		"two":                 {field("a", "1") + file + end, `[a "1"][f a.txt "line\r\n--Bnot\r\n--"]`},
		"none":                {end, ""},
		"empty value":         {field("a", "") + end, `[a ""]`},
		"no content at all":   {"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--", `[a ""]`},
		"preamble, epilogue":  {"hello\r\n" + field("a", "1") + end + "--B\r\nmore", `[a "1"]`},
		"padding":             {"--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B-- \r\n", `[a "1"]`},
		"no break at the end": {field("a", "1") + "--B--", `[a "1"]`},
		"longer boundary":     {field("a", "1\r\n--BB\r\n2") + end, `[a "1\r\n--BB\r\n2"]`},
		"folders only":        {"--B\r\nContent-Disposition: form-data; name=a; filename=\"x/y/\"\r\n\r\n1\r\n" + end, `[a y "1"]`},
		"nothing but folders": {"--B\r\nContent-Disposition: form-data; name=a; filename=\"//\"\r\n\r\n1\r\n" + end, `[a // "1"]`},

		"empty body":          {"", "the boundary that Content-Type names is not in it"},
		"another boundary":    {"--C\r\n", "the boundary that Content-Type names is not in it"},
		"not closed":          {field("a", "1"), "it ends without the closing boundary"},
		"cut in the boundary": {field("a", "1") + "--B", "it ends without the closing boundary"},
		"cut in a header":     {"--B\r\nContent-Dispo", "it ends in the header of part 1"},
		"bare LF":             {strings.ReplaceAll(field("a", "1")+end, "\r\n", "\n"), "a line with the boundary has something else behind it"},
		"LF in a header":      {"--B\r\nX: 1\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" + end, "the header of part 1 contains a single CR, LF or a NUL"},
		"junk behind it":      {field("a", "1") + "--B x\r\n", "a line with the boundary has something else behind it"},
		"junk behind the end": {field("a", "1") + "--B--x\r\n", "a line with the boundary has something else behind it"},
		"no header":           {"--B\r\n\r\n1\r\n" + end, "part 1 has no Content-Disposition"},
		"no disposition":      {field("a", "1") + "--B\r\nX: y\r\n\r\n1\r\n" + end, "part 2 has 0 Content-Disposition headers, not one"},
		"two dispositions":    {"--B\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\n1\r\n" + end, "part 1 has 2 Content-Disposition headers, not one"},
		"another disposition": {"--B\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" + end, `Content-Disposition of part 1 is "attachment", not form-data`},
		"no name":             {"--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + end, "part 1 has no name"},
		"two names":           {"--B\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n1\r\n" + end, "Content-Disposition of part 1: mime: duplicate parameter name"},
		"single LF before":    {"\n--B\r\n--B--", "its first boundary comes after a single LF"},
		"no header line":      {"--B\r\nwhat\r\n\r\n1\r\n" + end, "the header of part 1: malformed MIME header"},
		"long header":         {"--B\r\nX: " + strings.Repeat("x", MaxPartHeaderBytes) + "\r\n\r\n1\r\n" + end, "413 the header of part 1 of the multipart body is longer than 8192 bytes"},
		"many parts":          {strings.Repeat(field("a", "1"), maxParts+1) + end, "413 the multipart body has more than 1000 parts"},
	} {
		for read, r := range map[string]io.Reader{
			"at once": strings.NewReader(c.body),
			"bytes":   iotest.OneByteReader(strings.NewReader(c.body)),
			"EOF":     iotest.DataErrReader(strings.NewReader(c.body)),
		} {
			parts, err := ScanParts(r, "B")
			got := ""
			for _, p := range parts {
				got += strings.Join(strings.Fields(fmt.Sprintf("[%s %s %q]", p.Name, p.Filename, c.body[p.Offset:p.Offset+p.Size])), " ")
			}
			if err != nil {
				bad := mustBe(t, err)
				got = strings.TrimPrefix(bad.Text, "the multipart body is malformed: ")
				if bad.Status != http.StatusBadRequest {
					got = fmt.Sprint(bad.Status, " ", got)
				}
				if !strings.HasPrefix(got, c.want) || c.want == "" {
					t.Errorf("%s, %s: error %q, want %q", name, read, got, c.want)
				}
			} else if got != c.want {
				t.Errorf("%s, %s: got %s, want %s", name, read, got, c.want)
			}
		}
	}
}

// A part that is longer than the scanner's buffer, with what looks like the boundary at
// every place in it.
func TestScanPartsLong(t *testing.T) {
	for _, n := range []int{32<<10 - 60, 32 << 10, 100_000} {
		for shift := range 8 {
			value := strings.Repeat("x", n+shift) + "\r\n--" + strings.Repeat("\r\n--C", 20_000)
			body := field("a", value) + "--B--"
			parts, err := ScanParts(strings.NewReader(body), "B")
			if err != nil || len(parts) != 1 || body[parts[0].Offset:parts[0].Offset+parts[0].Size] != value {
				t.Fatalf("%d+%d: %v %v", n, shift, parts, err)
			}
		}
	}
}

// What reading fails with comes back as it is.
func TestScanPartsReadError(t *testing.T) {
	broken := errors.New("broken")
	body := field("a", "1") + field("b", "2") + "--B--\r\n"
	for i := range len(body) - 4 { // "--B" and "--" are read by then
		_, err := ScanParts(io.MultiReader(strings.NewReader(body[:i]), iotest.ErrReader(broken)), "B")
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", i, err)
		}
	}
}

// Whatever the body, the parts lie in it one after the other, and a body that is accepted
// has the parts that mime/multipart finds.
func FuzzScanParts(f *testing.F) {
	f.Add([]byte(field("a", "1")+"--B--\r\n"), "B")
	f.Add([]byte("pre\r\n"+field("a", "")+lines("--B \t", `Content-Disposition: form-data; name="f"; filename="x.y"`, "Content-Type: text/x", "", "\r\n--Bx", "--B--", "epilogue")), "B")
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--"), "B")
	f.Add([]byte("--B\nContent-Disposition: form-data; name=a\n\n1\n--B--\n"), "B")
	f.Add([]byte("\n--B\r\n--B--"), "B")
	f.Fuzz(func(t *testing.T, body []byte, boundary string) {
		h := http.Header{"Content-Type": {`multipart/form-data; boundary="` + boundary + `"`}}
		boundary, err := MultipartBoundary(h)
		if err != nil {
			return
		}
		parts, err := ScanParts(bytes.NewReader(body), boundary)
		again, err2 := ScanParts(iotest.OneByteReader(bytes.NewReader(body)), boundary)
		if fmt.Sprint(parts, err) != fmt.Sprint(again, err2) {
			t.Fatalf("in one piece %v %v, in many %v %v", parts, err, again, err2)
		}
		if err != nil {
			mustBe(t, err)
			return
		}
		var sum, at int64
		std := multipart.NewReader(bytes.NewReader(body), boundary)
		for i, p := range parts {
			if p.Offset < at || p.Size < 0 || p.Offset+p.Size > int64(len(body)) {
				t.Fatalf("part %d at %d+%d of %d, after %d", i+1, p.Offset, p.Size, len(body), at)
			}
			at = p.Offset + p.Size
			sum += p.Size
			q, err := std.NextRawPart()
			if err != nil {
				t.Fatalf("mime/multipart has no part %d: %v", i+1, err)
			}
			content, err := io.ReadAll(q)
			if err != nil || !bytes.Equal(content, body[p.Offset:at]) || q.FormName() != p.Name || (q.FileName() == "") != (p.Filename == "") {
				t.Fatalf("part %d: %s %q; mime/multipart has %s %q, %v", i+1, p.Name, body[p.Offset:at], q.FormName(), content, err)
			}
		}
		if sum > int64(len(body)) {
			t.Fatalf("parts of %d bytes in a body of %d", sum, len(body))
		}
		if q, err := std.NextRawPart(); !errors.Is(err, io.EOF) {
			t.Fatalf("mime/multipart has one more: %v %v", q, err)
		}
	})
}

// mustBe returns err as what a client is told.
func mustBe(t *testing.T, err error) *Error {
	t.Helper()
	var bad *Error
	if !errors.As(err, &bad) {
		t.Fatalf("error is %T: %v", err, err)
	}
	return bad
}
