package auth

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/caddy-rover/rover/luart/auth"
	"github.com/caddy-rover/rover/luart/lib"
)

// What clients are told: the same for all that is wrong with a token.
const (
	textMissing     = "Unauthorized: missing Authorization bearer token"
	textScheme      = "Unauthorized: Authorization must use Bearer token"
	textInvalid     = "Unauthorized: invalid or expired token"
	textUnavailable = "tokens cannot be checked now"
)

var (
	errNoToken  = refusal(http.StatusUnauthorized, textMissing, "Bearer", "no token")
	errNoClaims = refusal(http.StatusUnauthorized, "Unauthorized: missing auth context", "Bearer", "no claims")
	errNoRole   = refusal(http.StatusForbidden, "Forbidden: missing role claim", "", "no role")
)

// refusal is what a client gets that does not get through. challenge is WWW-Authenticate, "": none.
func refusal(status int, text, challenge, why string) *lib.RefusedError {
	r := &lib.RefusedError{Status: status, Message: text, Why: why}
	if challenge != "" {
		r.Header = http.Header{"Www-Authenticate": {challenge}}
	}
	return r
}

// bearer returns the token of a header. The name of the scheme is in any case of letters, RFC 9110.
func bearer(values []string, header string) (token string, refused *lib.RefusedError) {
	switch {
	case len(values) > 1: // which one counts?
		return "", refusal(http.StatusBadRequest, "more than one header "+header, `Bearer error="invalid_request"`, "more than one header")
	case len(values) == 0 || strings.Trim(values[0], " \t") == "":
		return "", errNoToken
	}
	scheme, token, _ := strings.Cut(strings.Trim(values[0], " \t"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refusal(http.StatusUnauthorized, textScheme, "Bearer", "another scheme")
	}
	return strings.TrimLeft(token, " "), nil
}

// denial is what a client gets whose token is bad, or whose token nobody can check.
func denial(err error) *lib.RefusedError {
	if errors.Is(err, auth.ErrUnavailable) {
		r := refusal(http.StatusServiceUnavailable, textUnavailable, "", err.Error())
		r.Header = http.Header{"Retry-After": {strconv.Itoa(int(auth.JWKSFirst.Seconds()))}}
		return r
	}
	return refusal(http.StatusUnauthorized, textInvalid, `Bearer error="invalid_token"`, err.Error())
}

// checkRoles says why a client is not let through, nil if it is: it needs one of these roles. has says
// which ones it has, and first is one of them; "": it has none.
func checkRoles(allowed []string, first string, has func(role string) bool) *lib.RefusedError {
	if first == "" {
		return errNoRole
	}
	for _, role := range allowed {
		if has(role) {
			return nil
		}
	}
	return refusal(http.StatusForbidden, fmt.Sprintf("Forbidden: role '%.64s' not allowed", first), "", "another role")
}

// checkScopes says likewise for scopes: it needs all that are wanted.
func checkScopes(wanted []string, has func(scope string) bool) *lib.RefusedError {
	for _, scope := range wanted {
		if !has(scope) {
			return refusal(http.StatusForbidden, fmt.Sprintf("Forbidden: missing scope '%s'", scope),
				`Bearer error="insufficient_scope", scope="`+strings.Join(wanted, " ")+`"`, "no scope "+scope)
		}
	}
	return nil
}
