package scripttest

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"
	"time"
)

// The elements of JUnit's reports, as CI systems read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Time     junitTime    `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     junitTime   `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		File      string        `xml:"file,attr"`
		Time      junitTime     `xml:"time,attr"`
		Skipped   *struct{}     `xml:"skipped"`
		Failure   *junitFailure `xml:"failure"`
		Error     *junitFailure `xml:"error"`
		Output    string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
	junitTime time.Duration
)

// MarshalXMLAttr writes seconds.
func (t junitTime) MarshalXMLAttr(name xml.Name) (xml.Attr, error) {
	return xml.Attr{Name: name, Value: fmt.Sprintf("%.3f", time.Duration(t).Seconds())}, nil
}

// WriteJUnit writes results to a file, as JUnit XML. A file of tests that does not load is a
// test case with an error.
func WriteJUnit(path string, results []FileResult) error {
	var all junitSuites
	for _, r := range results {
		s := junitSuite{Name: r.Path, Time: junitTime(r.Took)}
		if r.Err != nil {
			s.Errors++
			s.Cases = append(s.Cases, junitCase{Name: "load", Classname: r.Path, File: r.Path, Error: junitOf(r.Err), Output: strings.Join(r.Output, "\n")})
		}
		for _, t := range r.Tests {
			c := junitCase{Name: t.Name, Classname: r.Path, File: r.Path, Time: junitTime(t.Took), Output: strings.Join(t.Output, "\n")}
			switch {
			case t.Skipped:
				s.Skipped++
				c.Skipped = &struct{}{}
			case t.Failure != nil:
				s.Failures++
				c.Failure = junitOf(t.Failure)
			}
			s.Cases = append(s.Cases, c)
		}
		s.Tests = len(s.Cases)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		all.Time += s.Time
		all.Suites = append(all.Suites, s)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path, append([]byte(xml.Header), append(text, '\n')...), 0o644); err != nil {
		return fmt.Errorf("writing the JUnit report: %w", err)
	}
	return nil
}

func junitOf(f *Failure) *junitFailure {
	first, _, _ := strings.Cut(f.Message, "\n")
	return &junitFailure{Message: first, Text: f.Message + f.Details}
}
