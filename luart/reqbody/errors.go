package reqbody

import (
	"errors"
	"net/http"
	"strconv"
)

// Failed always fails.
type Failed struct{ Err error }

func (r Failed) Read([]byte) (int, error) { return 0, r.Err }

// Error says what is wrong with a body, and the status that the client gets for it.
type Error struct {
	Status int
	Text   string
}

func (e *Error) Error() string { return e.Text }

// AsError returns err, from reading a body, as a Error.
func AsError(err error) *Error {
	var bad *Error
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &bad):
		return bad
	case errors.As(err, &tooBig):
		return &Error{http.StatusRequestEntityTooLarge, TooLarge(tooBig.Limit)}
	}
	return &Error{http.StatusBadRequest, "reading the request body: " + err.Error()}
}

func TooLarge(limit int64) string {
	return "the request body is larger than " + strconv.FormatInt(limit, 10) + " bytes"
}
