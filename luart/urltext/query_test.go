package urltext

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSetPairsLeavesTheRest(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", "lang=en"},
		{"a=1;b&c=%zz&d=1&b=2&flag", "a=1;b&c=%zz&d=1&b=2&flag&lang=en"},
		{strings.Repeat("&", 10_001) + "keep=1", strings.Repeat("&", 10_001) + "keep=1&lang=en"},
		{"userId=1&name=Foo&path=my/key&flag&sp=a%20b", "userId=1&name=Foo&path=my/key&flag&sp=a%20b&lang=en"},
		{"a=1&lang=de&b=2", "a=1&lang=en&b=2"},
		{"%6cang=de&b&l%61ng&b&lang", "lang=en&b&b"},
		{"lang%zz=1&Lang=2&lang;=3", "lang%zz=1&Lang=2&lang;=3&lang=en"},
		{"a=1&a=2&&", "a=1&a=2&&&lang=en"},
	} {
		if got := SetPairs(c.query, "lang", []string{"en"}); got != c.want {
			t.Errorf("%.80q became %.80q, want %.80q", c.query, got, c.want)
		}
	}
	for _, c := range []struct {
		query, key, want string
		values           []string
	}{
		{"a=1&b=2&c=3", "b", "a=1&c=3", nil},
		{"b=2", "b", "", nil},
		{"b=2&&x", "b", "&x", nil},
		{"a+b=1&a%20b=2&x", "a b", "a+b=%26&a+b=%2B&x", []string{"&", "+"}},
		{"x", "k", "x", nil},
		{"=1&x", "", "=2&x", []string{"2"}},
	} {
		if got := SetPairs(c.query, c.key, c.values); got != c.want {
			t.Errorf("%q, %q = %q: got %q, want %q", c.query, c.key, c.values, got, c.want)
		}
	}
}

// FuzzPairs compares ParsePairs with net/url where that reads all, and checks that nothing
// is lost elsewhere; then that SetPairs changes one name only.
func FuzzPairs(f *testing.F) {
	for _, query := range []string{"", "a=1&b=2", "a;b=1", "%zz", "a=%4", "&&a", "a+b=c%2bd", "=&=&a==", "k=1&%6b=2&k%=3"} {
		f.Add(query, "k", "v")
	}
	f.Fuzz(func(t *testing.T, query, key, value string) {
		got, err := ParsePairs(query)
		want, wantErr := url.ParseQuery(query)
		if !strings.Contains(query, ";") {
			if (err == nil) != (wantErr == nil) || err == nil && !maps.EqualFunc(got, want, slices.Equal) {
				t.Fatalf("%q: got %q, %v, want %q, %v", query, got, err, want, wantErr)
			}
		}
		if err == nil {
			n := 0
			for _, values := range got {
				n += len(values)
			}
			pairs := slices.DeleteFunc(strings.Split(query, "&"), func(s string) bool { return s == "" })
			if n != len(pairs) {
				t.Fatalf("%q: %d values of %d pairs", query, n, len(pairs))
			}
		}
		set := SetPairs(query, key, []string{value})
		if again := SetPairs(set, key, []string{value}); again != set {
			t.Fatalf("%q: %q became %q", query, set, again)
		}
		if err != nil {
			return
		}
		after, err := ParsePairs(set)
		if err != nil {
			t.Fatal(err)
		}
		got[key] = []string{value}
		if !reflect.DeepEqual(got, after) {
			t.Fatalf("%q with %q=%q: got %q, want %q", query, key, value, after, got)
		}
	})
}
