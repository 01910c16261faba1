package password

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// weak are parameters that cost little: hashes of them are read, and not made for scripts.
var weak = Params{Memory: 8, Passes: 1, Lanes: 1}

const (
	// From the tests of Argon2's reference program (version 19, Argon2id, 64 MiB), and of
	// crypt_blowfish.
	argonOfOthers  = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	bcryptOfOthers = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
)

func TestMatches(t *testing.T) {
	for name, c := range map[string]struct {
		hash, password string
		want           bool
	}{
		"of the reference program":                 {argonOfOthers, "password", true},
		"another password":                         {argonOfOthers, "passwore", false},
		"of crypt_blowfish":                        {bcryptOfOthers, "U*U", true},
		"of PHP":                                   {strings.Replace(bcryptOfOthers, "2a", "2y", 1), "U*U", true},
		"bcrypt, another password":                 {bcryptOfOthers, "U*V", false},
		"bcrypt, empty":                            {bcryptOfOthers, "", false},
		"bcrypt repeats passwords with a NUL byte": {bcryptOfOthers, "U*U\x00U*U", false},
	} {
		h, err := Parse(c.hash)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := h.Matches(c.password); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// Nobody's hash is one that is computed as others are, and matches nothing.
func TestNobody(t *testing.T) {
	for _, p := range []Params{weak, {Cost: MinCost}} {
		h := p.Nobody()
		if h.Matches("password") || h.Matches("") {
			t.Errorf("%+v: it matches", p)
		}
		if parsed, err := Parse(h.String()); err != nil || parsed.Params != p {
			t.Errorf("%+v: %s is of %+v, %v", p, h, parsed.Params, err)
		}
		if p.Cost == 0 {
			continue
		}
		err := bcrypt.CompareHashAndPassword([]byte(h.bcrypt), []byte("password"))
		if !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) { // refused without work
			t.Errorf("bcrypt: %v", err)
		}
	}
}

// A password is as a whole what was hashed: bcrypt reads 72 bytes alone, and no hash is made of, or
// matches, a longer one.
func TestNoSilentCut(t *testing.T) {
	cheap, longest := Params{Cost: MinCost}, strings.Repeat("x", MaxBcryptBytes)
	text, err := cheap.Hash(longest, nil)
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if !h.Matches(longest) || h.Matches(longest+"y") || h.Matches(longest[1:]) {
		t.Error("the 73rd byte does not count, or too much does")
	}
	for _, c := range []struct {
		p        Params
		password string
		want     error
	}{
		{Default, "", errEmpty},
		{cheap, "", errEmpty},
		{Default, strings.Repeat("x", MaxBytes), nil},
		{Default, strings.Repeat("x", MaxBytes+1), errLong},
		{cheap, longest, nil},
		{cheap, longest + "x", errBcrypt},
		{Default, longest + "x", nil},
		{cheap, "a\x00a", errNUL},
		{Default, "a\x00a", nil},
	} {
		if got := c.p.CheckPassword(c.password); !errors.Is(got, c.want) {
			t.Errorf("%d bytes, cost %d: %v, want %v", len(c.password), c.p.Cost, got, c.want)
		}
	}
}

// Bytes behind a NUL count for Argon2id.
func TestHashOfNUL(t *testing.T) {
	text, err := weak.Hash("a\x00b", []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	h, err := Parse(text)
	if err != nil || !h.Matches("a\x00b") || h.Matches("a\x00c") || h.Matches("a") {
		t.Errorf("%s, %v", text, err)
	}
}

// A hash that is not exactly of a form that is known, or costs too much, is an error before any
// work, which tells nothing of it.
func TestParseRefuses(t *testing.T) {
	const end = "$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for name, text := range map[string]string{
		"empty":                       "",
		"plain text":                  "secret",
		"a PHC string cut":            argonOfOthers[:60],
		"a digit more":                argonOfOthers + "AA",
		"a line end":                  argonOfOthers + "\n",
		"a line end inside":           strings.Replace(argonOfOthers, "CTFh", "CT\nFh", 1),
		"padding":                     argonOfOthers + "=",
		"URL alphabet":                strings.Replace(argonOfOthers, "CTFh", "CT-h", 1),
		"argon2i":                     strings.Replace(argonOfOthers, "2id", "2i", 1),
		"argon2d":                     strings.Replace(argonOfOthers, "2id", "2d", 1),
		"version 16":                  strings.Replace(argonOfOthers, "v=19", "v=16", 1),
		"no version":                  strings.Replace(argonOfOthers, "$v=19", "", 1),
		"key id":                      "$argon2id$v=19$m=65536,t=2,p=1,keyid=a" + end,
		"another order":               "$argon2id$v=19$t=2,m=65536,p=1" + end,
		"4 GiB":                       "$argon2id$v=19$m=4194304,t=1,p=1" + end,
		"more than 32 bits":           "$argon2id$v=19$m=4294967304,t=1,p=1" + end,
		"128 MiB and a bit":           "$argon2id$v=19$m=131073,t=1,p=1" + end,
		"1000 passes":                 "$argon2id$v=19$m=8,t=1000,p=1" + end,
		"no pass":                     "$argon2id$v=19$m=8,t=0,p=1" + end,
		"no lane":                     "$argon2id$v=19$m=8,t=1,p=0" + end,
		"17 lanes":                    "$argon2id$v=19$m=65536,t=1,p=17" + end,
		"257 lanes, 1 in a byte":      "$argon2id$v=19$m=65536,t=1,p=257" + end,
		"too little for lanes":        "$argon2id$v=19$m=8,t=1,p=2" + end,
		"each allowed, not all":       "$argon2id$v=19$m=131072,t=5,p=1" + end,
		"sign":                        "$argon2id$v=19$m=+8,t=1,p=1" + end,
		"negative":                    "$argon2id$v=19$m=-8,t=1,p=1" + end,
		"leading zero":                "$argon2id$v=19$m=08,t=1,p=1" + end,
		"underscore":                  "$argon2id$v=19$m=1_024,t=1,p=1" + end,
		"salt of 7 bytes":             strings.Replace(argonOfOthers, "c29tZXNhbHQ", "c29tZXNhbA", 1),
		"no salt":                     strings.Replace(argonOfOthers, "c29tZXNhbHQ", "", 1),
		"no hash":                     argonOfOthers[:strings.LastIndex(argonOfOthers, "$")+1],
		"hash of 15 bytes":            argonOfOthers[:strings.LastIndex(argonOfOthers, "$")+1+20],
		"long":                        argonOfOthers + strings.Repeat("A", 1<<20),
		"bcrypt cut":                  bcryptOfOthers[:59],
		"bcrypt and more":             bcryptOfOthers + "x",
		"bcrypt of a faulty program":  strings.Replace(bcryptOfOthers, "2a", "2x", 1),
		"bcrypt of version 3":         strings.Replace(bcryptOfOthers, "$2a", "$3a", 1),
		"bcrypt without a minor":      "$2$" + bcryptOfOthers[4:],
		"bcrypt of cost 31":           strings.Replace(bcryptOfOthers, "05", "31", 1),
		"bcrypt of cost 15":           strings.Replace(bcryptOfOthers, "05", "15", 1),
		"bcrypt of cost 3":            strings.Replace(bcryptOfOthers, "05", "03", 1),
		"bcrypt of no cost":           strings.Replace(bcryptOfOthers, "05", "-5", 1),
		"bcrypt of another alphabet":  bcryptOfOthers[:59] + "+",
		"bcrypt with a byte past it":  bcryptOfOthers[:58] + "é",
		"bcrypt with a NUL inside":    bcryptOfOthers[:58] + "\x00W",
		"SHA-512 of crypt":            "$6$saltsalt$" + strings.Repeat("a", 86),
		"a PHC string of scrypt":      "$scrypt$ln=16,r=8,p=1$c29tZXNhbHQ$" + strings.Repeat("A", 43),
		"white space before":          " " + argonOfOthers,
		"upper case name":             strings.Replace(argonOfOthers, "argon2id", "ARGON2ID", 1),
		"lower case of another value": "$argon2id$v=19$M=8,t=1,p=1" + end,
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%s: %q is read", name, text)
		} else if text != "" && (strings.Contains(err.Error(), "CTFh") || strings.Contains(err.Error(), "CCCC")) {
			t.Errorf("%s: the error shows the hash: %v", name, err)
		}
	}
}

func TestIsWeaker(t *testing.T) {
	parse := func(text string) Hash {
		h, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	salt := []byte("0123456789abcdef")
	made, err := weak.Hash("p", salt)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		hash string
		p    Params
		want bool
	}{
		"the same":               {made, weak, false},
		"less memory":            {made, Params{Memory: 16, Passes: 1, Lanes: 1}, true},
		"fewer passes":           {made, Params{Memory: 8, Passes: 2, Lanes: 1}, true},
		"a short salt":           {argonOfOthers, weak, true},
		"bcrypt to argon2id":     {bcryptOfOthers, Default, true},
		"argon2id to bcrypt":     {made, Params{Cost: 10}, true},
		"a lower cost":           {bcryptOfOthers, Params{Cost: 6}, true},
		"the same cost":          {bcryptOfOthers, Params{Cost: 5}, false},
		"a higher cost":          {bcryptOfOthers, Params{Cost: 4}, false},
		"more memory and passes": {made, Params{Memory: 7, Passes: 1, Lanes: 1}, false},
	} {
		if got := parse(c.hash).IsWeaker(c.p); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		p    Params
		fine bool
	}{
		{Default, true},
		{Params{Cost: DefaultCost}, true},
		{Params{Memory: 46 << 10, Passes: 1, Lanes: 1}, true},
		{Params{Memory: 12 << 10, Passes: 3, Lanes: 1}, true},
		{Params{Memory: 9 << 10, Passes: 4, Lanes: 1}, true},
		{Params{Memory: 7 << 10, Passes: 5, Lanes: 1}, true},
		{Params{Memory: 19 << 10, Passes: 1, Lanes: 1}, false},
		{Params{Memory: 6 << 10, Passes: 16, Lanes: 1}, false},
		{Params{Memory: 128 << 10, Passes: 4, Lanes: 1}, true},
		{Params{Memory: 128 << 10, Passes: 5, Lanes: 1}, false},
		{Params{Memory: 129 << 10, Passes: 1, Lanes: 1}, false},
		{Params{Memory: 19 << 10, Passes: 2, Lanes: 17}, false},
		{Params{Cost: 9}, false},
		{Params{Cost: 10}, true},
		{Params{Cost: 14}, true},
		{Params{Cost: 15}, false},
	} {
		if err := c.p.Check(); (err == nil) != c.fine {
			t.Errorf("%+v: %v", c.p, err)
		}
	}
}

// What is read is a form that is written in one way, and costs no more than it may.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{argonOfOthers, bcryptOfOthers, weak.Nobody().String(), "$argon2id$v=19$m=8,t=1,p=1$$", "$2b$12$", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		if h.String() != text {
			t.Errorf("%q is read as %q", text, h)
		}
		if h.Cost == 0 && h.checkCost() != nil || h.Cost > MaxCost {
			t.Errorf("%q costs too much", text)
		}
	})
}

// Who comes to a gate where so many run and wait is told so at once; a place that is left is free
// again.
func TestGate(t *testing.T) {
	g := NewGate(1, 1)
	first, err := g.Take()
	if err != nil {
		t.Fatal(err)
	}
	second, err := g.Take()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Take(); !errors.Is(err, ErrBusy) {
		t.Fatalf("the third: %v", err)
	}
	running, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- g.Run(context.Background(), func() { close(running); <-release })
	}()
	<-running
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Run(ctx, func() { t.Error("two at once") }); !errors.Is(err, context.Canceled) {
		t.Errorf("the second, whose client has gone: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	ran := false
	if err := g.Run(ctx, func() { ran = true }); ran || !errors.Is(err, context.Canceled) {
		t.Errorf("it has run for a client that has gone: %v", err)
	}
	first()
	second()
	for range 2 {
		if _, err := g.Take(); err != nil {
			t.Error(err)
		}
	}
}
