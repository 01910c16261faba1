package reqbody

import (
	"errors"
	"fmt"
	"io"
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

// scanRows are bodies with the boundary B, and what is read of them, or the error. The comments say who
// reads another form where it is refused.
func scanRows() map[string]struct{ body, want string } {
	const end = "--B--\r\n"
	file := lines("--B", `content-disposition: form-data; name="f"; filename="dir/a b.txt"`, "Content-Type: text/x", "", "line\r\n--A\r\n-B\r\nB--", "")
	head := func(head, value string) string { return "--B\r\n" + head + "\r\n\r\n" + value + "\r\n" + end }
	disposition := func(params string) string { return head("Content-Disposition: form-data; "+params, "1") }
	return map[string]struct{ body, want string }{
		"two":                  {field("a", "1") + file + end, `[a "1"][f a b.txt "line\r\n--A\r\n-B\r\nB--"]`},
		"none":                 {end, ""},
		"empty value":          {field("a", "") + end, `[a ""]`},
		"line break before":    {"\r\n" + field("a", "1") + end, `[a "1"]`},
		"blanks behind":        {field("a", "1") + "--B-- \t\r\n\r\n \n", `[a "1"]`},
		"no break at the end":  {field("a", "1") + "--B--", `[a "1"]`},
		"breaks at the end":    {field("a", "1\r\n\r") + end, `[a "1\r\n\r"]`},
		"single breaks":        {field("a", "\n1\r2\n-B\r") + end, `[a "\n1\r2\n-B\r"]`},
		"without quotes":       {disposition("name=a;filename=b.c;"), `[a b.c "1"]`},
		"names with signs":     {disposition(`name="a'b;[é]%22"; filename="x; y='z'.txt"`), `[a'b;[é]%22 x; y='z'.txt "1"]`},
		"both file names":      {disposition(`name=a; filename="é;.png"; filename*=UTF-8''%c3%A9%3b.png`), `[a é;.png "1"]`},
		"no file chosen":       {head("Content-Disposition: form-data; name=a; filename=\"\"\r\nContent-Type: application/octet-stream", ""), `[a ""]`},
		"no file in Node":      {head("Content-Disposition: form-data; name=\"a\"\r\nContent-Type: application/octet-stream", ""), `[a ""]`},
		"as it is transferred": {head("Content-Disposition: Form-Data; name=a\r\nContent-Transfer-Encoding: 8Bit\r\nContent-Length: 1\r\nX-Y:", "1"), `[a "1"]`},
		"text in UTF-8":        {head("Content-Type: text/plain; charset=UTF-8\r\nContent-Disposition: form-data; name=a", "1"), `[a "1"]`},
		"a file in a charset":  {head("Content-Type: text/plain; charset=koi8-r\r\nContent-Disposition: form-data; name=a; filename=b", "1"), `[a b "1"]`},
		"says its charset":     {field("_charset_", "UTF-8") + field("a", "") + end, `[_charset_ "UTF-8"][a ""]`},

		"empty body":          {"", "it does not begin with the boundary that Content-Type names"},
		"another boundary":    {"--C\r\n", "it does not begin with the boundary that Content-Type names"},
		"text before":         {"hello\r\n" + field("a", "1") + end, "it does not begin with the boundary that Content-Type names"},
		"two breaks before":   {"\r\n\r\n" + end, "it does not begin with the boundary that Content-Type names"},
		"single LF before":    {"\n--B\r\n--B--", "it does not begin with the boundary that Content-Type names"},
		"not closed":          {field("a", "1"), "it ends without the closing boundary"},
		"cut in the boundary": {field("a", "1") + "--B", "it ends without the closing boundary"},
		"cut in a header":     {"--B\r\nContent-Dispo", "it ends in the header of part 1"},
		"no header":           {"--B\r\n\r\n1\r\n" + end, "part 1 has no Content-Disposition"},
		"no disposition":      {field("a", "1") + "--B\r\nX: y\r\n\r\n1\r\n" + end, "part 2 has no Content-Disposition"},
		"no header line":      {head("what", "1"), `the header of part 1 has the line "what"`},
		"a blank in a name":   {head("Content-Disposition : form-data; name=a", "1"), `the header of part 1 has the line "Content-Disposition :`},
		"a line that goes on": {head("Content-Disposition: form-data;\r\n name=a", "1"), `the header of part 1 has the line " name=a"`},
		"long header":         {head("X: "+strings.Repeat("x", MaxPartHeaderBytes), "1"), "413 the header of part 1 of the multipart body is longer than 8192 bytes"},
		"many parts":          {strings.Repeat(field("a", "1"), maxParts+1) + end, "413 the multipart body has more than 1000 parts"},

		// Go takes LF for CRLF, if the first line has it. PHP and Werkzeug do so anywhere, Werkzeug also CR.
		"LF only":                {strings.ReplaceAll(field("a", "1")+end, "\r\n", "\n"), "a line with the boundary has something else behind it"},
		"LF before the boundary": {field("a", "1\n--B\n"+`Content-Disposition: form-data; name="admin"`+"\n\n1") + end, "the boundary stands in part 1, without CRLF in front of it"},
		"CR before the boundary": {field("a", "1\r--B\r"+`Content-Disposition: form-data; name="admin"`+"\r\r1") + end, "the boundary stands in part 1, without CRLF in front of it"},
		"LF after the boundary":  {field("a", "1\r\n--B\n"+`Content-Disposition: form-data; name="admin"`+"\n\n1") + end, "a line with the boundary has something else behind it"},
		"LF in a header":         {head("X: 1\nContent-Disposition: form-data; name=a", "1"), "the header of part 1 has a control character"},
		// PHP takes a line that begins with the boundary for the end of a part, and busboy skips what follows.
		"longer boundary": {field("a", "1\r\n--BB\r\n2") + end, "a line with the boundary has something else behind it"},
		// PHP does not find the next part there.
		"blanks behind the boundary": {"--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" + end, "a line with the boundary has something else behind it"},
		"dash behind the boundary":   {field("a", "1") + "--B-\r\n" + end, "a line with the boundary has something else behind it"},
		// Commons FileUpload and who splits by the boundary find it in the middle of a line.
		"CRLF only behind it":  {field("a", "1\n--B\r\n"+`Content-Disposition: form-data; name="admin"`+"\r\n\r\n1") + end, "the boundary stands in part 1, without CRLF in front of it"},
		"boundary in a line":   {field("a", "1 --B 2") + end, "the boundary stands in part 1, without CRLF in front of it"},
		"boundary in a header": {head("X: --B\r\nContent-Disposition: form-data; name=a", "1"), "the boundary stands in the header of part 1"},
		// PHP goes on behind the end.
		"a part behind the end":     {field("a", "1") + end + field("admin", "1") + end, "something follows the closing boundary"},
		"a part behind blanks":      {field("a", "1") + "--B-- \r\n" + strings.Repeat(" ", 100_000) + "\r\n" + field("admin", "1") + end, "something follows the closing boundary"},
		"LF behind the end":         {field("a", "1") + "--B--\n", "something follows the closing boundary"},
		"CR behind the end":         {field("a", "1") + "--B--\r", "something follows the closing boundary"},
		"two CR behind the end":     {field("a", "1") + "--B-- \r\r\n", "something follows the closing boundary"},
		"text behind the end":       {field("a", "1") + "--B--x\r\n", "something follows the closing boundary"},
		"no line break in the part": {"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n--B--", "part 1 has no line break between its header and the boundary"},

		// PHP and busboy take name, where Go and Werkzeug take what they decode.
		"name*":                   {disposition(`name="admin"; name*=utf-8''x`), "it has a parameter beside name and filename"},
		"name*0":                  {disposition(`name="admin"; name*0="x"`), "it has a parameter beside name and filename"},
		"name* only":              {disposition(`name*=utf-8''admin`), "its first parameter is the name"},
		"name*0 and 1":            {disposition(`name*0="ad"; name*1="min"`), "its first parameter is the name"},
		"another filename*":       {disposition(`name=a; filename="x.php"; filename*=utf-8''x.png`), "filename* is not the same as filename in UTF-8"},
		"another charset":         {disposition(`name=a; filename="x.php"; filename*=utf-7''x.php`), "filename* is not the same as filename in UTF-8"},
		"in a language":           {disposition(`name=a; filename="x.php"; filename*=utf-8'en'x.php`), "filename* is not the same as filename in UTF-8"},
		"filename* only":          {disposition(`name="admin"; filename*=utf-8''x.txt`), "filename* is not the same as filename in UTF-8"},
		"an empty filename*":      {disposition(`name="admin"; filename*=utf-8''`), "filename* is not the same as filename in UTF-8"},
		"filename*0":              {disposition(`name="admin"; filename*0="x"`), "it has a parameter beside name and filename"},
		"a name in quotes":        {disposition(`name='admin'`), "a value needs double quotes"},
		"a file name in quotes":   {disposition(`name=a; filename='x.php'`), "a value needs double quotes"},
		"an escaped quote":        {disposition(`name=a; filename="x.png\"; name=\"admin"`), "a value has a backslash"},
		"an escaped letter":       {disposition(`name="ad\min"`), "a value has a backslash"},
		"a Windows path":          {disposition(`name=a; filename="C:\dir\x.php"`), "a value has a backslash"},
		"in other letters":        {disposition(`name=a; FileName="x.php"`), "it has a parameter beside name and filename"},
		"blanks around the sign":  {disposition(`name=a; filename = "x.php"`), `name="value" expected`},
		"blanks before the next":  {disposition(`name="a" ; filename="x.php"`), "a semicolon is missing"},
		"no semicolon":            {disposition(`name="a" filename="x.php"`), "a semicolon is missing"},
		"two semicolons":          {disposition(`name="a";;name="admin"`), `name="value" expected`},
		"no value":                {disposition(`name="admin"; filename`), `name="value" expected`},
		"no quote":                {disposition(`name="admin`), "a quote is missing"},
		"not a token":             {disposition(`name=a[b]`), "a value needs double quotes"},
		"two names":               {disposition(`name=a; name=b`), "name is there twice"},
		"a name in another value": {disposition(`x="; name=admin"; name="a"`), "its first parameter is the name"},
		"a name in a file name":   {disposition(`name="a"; filename="x; name=admin"`), "filename has text that some servers decode, or take for a parameter"},
		"a file name in a name":   {disposition(`name="a; FileName=x.php; b"`), "name has text that some servers decode, or take for a parameter"},
		"an encoded word":         {disposition(`name="=?utf-8?Q?admin?="`), "name has text that some servers decode, or take for a parameter"},
		"another parameter":       {disposition(`name="a"; size=1`), "it has a parameter beside name and filename"},
		"folders only":            {disposition(`name=a; filename="x.php/"`), "filename ends with the name of a folder"},
		"a folder's name":         {disposition(`name=a; filename="x.php/.."`), "filename ends with the name of a folder"},
		"Latin 1":                 {disposition("name=\"\xe9admin\""), "the header of part 1 has a control character, or is not UTF-8"},
		"NUL":                     {disposition("name=\"admin\x00x\""), "the header of part 1 has a control character, or is not UTF-8"},
		"a tab":                   {disposition("name=\"admin\tx\""), "a value has a backslash or a control character"},
		"no name":                 {head("Content-Disposition: form-data", "1"), "its first parameter is the name"},
		"another disposition":     {head("Content-Disposition: attachment; name=a", "1"), "form-data expected"},
		"two dispositions":        {head("Content-Disposition: form-data; name=a\r\nContent-disposition: form-data; name=b", "1"), "part 1 has more than one Content-Disposition"},
		"two types":               {head("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain\r\nContent-Type: application/x-php", "1"), "part 1 has more than one Content-Type"},

		// Go, commons-email and aiohttp undo them.
		"quoted-printable":    {head("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable", "=65vil"), "part 1 has a Content-Transfer-Encoding, which is not decoded here"},
		"base64":              {head("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: BASE64", "ZXZpbA=="), "part 1 has a Content-Transfer-Encoding, which is not decoded here"},
		"compressed":          {head("Content-Disposition: form-data; name=a\r\nContent-Encoding: deflate", "x"), "part 1 has a Content-Encoding, which is not decoded here"},
		"another length":      {head("Content-Disposition: form-data; name=a\r\nContent-Length: 2", "1"), `part 1 has the Content-Length "2" and 1 bytes`},
		"text in a charset":   {head("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-7", "+AGU-vil"), "part 1 has another charset than UTF-8"},
		"a charset for all":   {field("_charset_", "utf-7") + field("a", "+AGU-vil") + end, "its field _charset_ has another charset than UTF-8"},
		"an empty charset":    {field("_charset_", "") + end, "its field _charset_ has another charset than UTF-8"},
		"parts in a part":     {head("Content-Disposition: form-data; name=a\r\nContent-Type: Multipart/Mixed; boundary=y", "--y\r\n"), "part 1 has parts of its own"},
		"a type that is none": {head("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain, multipart/mixed", "1"), "part 1 has a Content-Type that is none"},
		// busboy takes the first for a file, PHP the second.
		"a file without a name":     {head("Content-Disposition: form-data; name=a\r\nContent-Type: application/octet-stream", "1"), "part 1 is a file without a name, or a field"},
		"a file with an empty name": {disposition(`name=a; filename=""`), "part 1 is a file without a name, or a field"},
	}
}

func TestScanParts(t *testing.T) {
	for name, c := range scanRows() {
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
				got = strings.TrimPrefix(got, "the multipart body can be read in several ways: ")
				got = strings.TrimPrefix(got, "Content-Disposition of part 1: ")
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
// every place in it; and the boundary itself, without a line break, at any place of the buffer.
func TestScanPartsLong(t *testing.T) {
	for _, n := range []int{32<<10 - 60, 32 << 10, 100_000} {
		for shift := range 8 {
			value := strings.Repeat("x", n+shift) + "\r\n--" + strings.Repeat("\r\n--C", 20_000)
			body := field("a", value) + "--B--"
			parts, err := ScanParts(strings.NewReader(body), "B")
			if err != nil || len(parts) != 1 || body[parts[0].Offset:parts[0].Offset+parts[0].Size] != value {
				t.Fatalf("%d+%d: %v %v", n, shift, parts, err)
			}
			for _, begin := range []string{"", "\n", "\r", "\n\r", "\r\n\n"} {
				body := field("a", strings.Repeat("x", n+shift)+begin+"--B\r\n") + "--B--"
				if _, err := ScanParts(strings.NewReader(body), "B"); err == nil {
					t.Fatalf("%d+%d: a boundary behind %q passed", n, shift, begin)
				}
			}
		}
	}
}

// What reading fails with comes back as it is.
func TestScanPartsReadError(t *testing.T) {
	broken := errors.New("broken")
	body := field("a", "1") + field("_charset_", "utf-8") + "--B--\r\n"
	for i := range len(body) + 1 {
		_, err := ScanParts(io.MultiReader(strings.NewReader(body[:i]), iotest.ErrReader(broken)), "B")
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", i, err)
		}
	}
}

// The boundary is one that all find in Content-Type.
func TestMultipartBoundary(t *testing.T) {
	for said, want := range map[string]string{
		"multipart/form-data; boundary=x":                                       "x",
		"Multipart/Form-Data;boundary=\"----WebKit_A.b+=/:\";charset=\"UTF-8\"": "----WebKit_A.b+=/:",
		"multipart/form-data; charset=utf-8; boundary=boundary-1;":              "boundary-1",

		"multipart/form-data":                                      "400 1 to 70 bytes",
		"multipart/form-data; boundary=\"\"":                       "400 1 to 70 bytes",
		"multipart/form-data; boundary=" + strings.Repeat("x", 71): "400 1 to 70 bytes",
		"multipart/form-data; xboundary=y; boundary=x":             "400 a parameter beside boundary and charset",
		"multipart/form-data; x=\"boundary=y\"; boundary=x":        "400 a parameter beside boundary and charset",
		"multipart/form-data; BOUNDARY=x":                          "400 a parameter beside boundary and charset",
		"multipart/form-data; boundary=x ; charset=utf-8":          "400 a value needs double quotes",
		"multipart/form-data; boundary=\"x\" ; charset=utf-8":      "400 a semicolon is missing",
		"multipart/form-data; boundary = x":                        `400 name="value" expected`,
		"multipart/form-data; boundary='x'":                        "400 a value needs double quotes",
		"multipart/form-data; boundary=\"\\x\"":                    "400 a value has a backslash",
		"multipart/form-data; boundary=\"x,y\"":                    "400 letters, digits",
		"multipart/form-data; boundary=\"x'y\"":                    "400 letters, digits",
		"multipart/form-data; boundary=\"x;y\"":                    "400 letters, digits",
		"multipart/form-data; boundary=\"x \"":                     "400 letters, digits",
		"multipart/form-data; boundary=\"x(y)\"":                   "400 letters, digits",
		"multipart/form-data; boundary=x; boundary=y":              "415 Content-Type",
		"multipart/form-data; boundary=x; boundary*=utf-8''y":      "415 Content-Type",
		"multipart/form-data; boundary=x, text/plain":              "415 Content-Type",
		"multipart/form-data; boundary=x; charset=ibm037":          `415 the charset "ibm037"`,
		"multipart/mixed; boundary=x":                              `415 "multipart/mixed; boundary=x" is not a multipart form`,
		"":                                                         `415 "" is not a multipart form`,
	} {
		got, err := MultipartBoundary(http.Header{"Content-Type": {said}})
		if err != nil {
			bad := mustBe(t, err)
			_, why, _ := strings.Cut(bad.Text, "is not allowed: ")
			if why == "" {
				why = strings.TrimPrefix(bad.Text, "request body: ")
			}
			got = fmt.Sprint(bad.Status, " ", why)
		}
		if got != want && (err == nil || !strings.HasPrefix(got, want)) {
			t.Errorf("%s: got %s, want %s", said, got, want)
		}
	}
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
