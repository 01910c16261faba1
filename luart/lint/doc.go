// Package lint finds mistakes in scripts without serving a request: it is what caddy rover check
// does. It loads a script where it can do nothing, and judges the source by what the names in it
// hold then.
package lint
