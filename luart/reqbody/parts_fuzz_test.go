package reqbody

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// Whatever the body, the parts lie in it one after the other, and a body that is accepted
// has the parts that mime/multipart finds, and those that a careless reader does.
func FuzzScanParts(f *testing.F) {
	f.Add([]byte(field("a", "1")+"--B--\r\n"), "B")
	f.Add([]byte("pre\r\n"+field("a", "")+lines("--B \t", `Content-Disposition: form-data; name="f"; filename="x.y"`, "Content-Type: text/x", "", "\r\n--Bx", "--B--", "epilogue")), "B")
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--"), "B")
	f.Add([]byte("--B\nContent-Disposition: form-data; name=a\n\n1\n--B--\n"), "B")
	f.Add([]byte("\n--B\r\n--B--"), "B")
	for _, row := range scanRows() {
		f.Add([]byte(row.body), "B")
	}
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
			if err != nil || !bytes.Equal(content, body[p.Offset:at]) || q.FormName() != p.Name || q.FileName() != p.Filename {
				t.Fatalf("part %d: %s %q; mime/multipart has %s %q, %v", i+1, p.Name, body[p.Offset:at], q.FormName(), content, err)
			}
		}
		if sum > int64(len(body)) {
			t.Fatalf("parts of %d bytes in a body of %d", sum, len(body))
		}
		if q, err := std.NextRawPart(); !errors.Is(err, io.EOF) {
			t.Fatalf("mime/multipart has one more: %v %v", q, err)
		}
		careless := carelessParts(body, boundary)
		if len(careless) != len(parts) {
			t.Fatalf("%d parts, a careless reader has %q", len(parts), careless)
		}
		for i, p := range parts {
			if got, want := careless[i], fmt.Sprintf("%q %q %q", p.Name, p.Filename, body[p.Offset:p.Offset+p.Size]); got != want {
				t.Fatalf("part %d is %s, for a careless reader %s", i+1, want, got)
			}
		}
	})
}

var (
	carelessHead  = regexp.MustCompile(`\r\n\r\n|\n\n|\r\r`)
	carelessField = regexp.MustCompile(`(?i)(?:^|\r|\n)content-disposition[ \t]*:([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)`)
	carelessName  = regexp.MustCompile(`(?i)\bname[*0-9]*[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^ \t;]*))`)
	carelessFile  = regexp.MustCompile(`(?i)\bfilename[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^ \t;]*))`)
)

// carelessParts reads a body as the most careless of the servers do, all at once. A boundary may have
// CRLF, LF or CR in front of it and anything behind it, and the closing one closes nothing. The last
// name of a part counts, in any quotes.
func carelessParts(body []byte, boundary string) (parts []string) {
	line := regexp.MustCompile(`(?:^|\r\n|\r|\n)--` + regexp.QuoteMeta(boundary))
	found := line.FindAllIndex(body, -1)
	for i, at := range found {
		rest := body[at[1]:]
		if i+1 < len(found) {
			rest = body[at[1]:found[i+1][0]]
		}
		split := carelessHead.FindIndex(rest)
		if split == nil {
			continue
		}
		head, content := rest[:split[0]], rest[split[1]:]
		fields := carelessField.FindAllSubmatch(head, -1)
		if len(fields) == 0 {
			continue
		}
		last := func(expr *regexp.Regexp) string {
			m := expr.FindAllSubmatch(fields[len(fields)-1][1], -1)
			if len(m) == 0 {
				return ""
			}
			return string(bytes.Join(m[len(m)-1][1:], nil))
		}
		file := last(carelessFile)
		parts = append(parts, fmt.Sprintf("%q %q %q", last(carelessName), file[strings.LastIndexAny(file, `/\`)+1:], content))
	}
	return parts
}
