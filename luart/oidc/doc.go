// Package oidc logs users in at an OpenID Connect provider: what the provider says of itself, login
// attempts, the exchange of a code for tokens, their refresh, and who is let in. It knows no Lua, no
// session and no cookie store: package luart/lib/oidc has them. What is asked of a provider goes over
// the http.Client that a caller gives. Any goroutine may call everything.
package oidc
