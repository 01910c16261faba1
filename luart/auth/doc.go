// Package auth checks and makes signed tokens: JSON Web Tokens, RFC 7519, by the rules of RFC 8725.
//
// The algorithm follows from the key and from what the script says. What a token says of itself is
// compared with that and decides nothing. A token that can be read in two ways is refused: two
// members of a name, at any depth, text that is not UTF-8, base64 with spare bits or line ends.
//
// The signatures are those of golang-jwt, and single keys of a key set are read by go-jose. Their
// parsers of tokens are not used: of two members with the same name they take the last one.
package auth
