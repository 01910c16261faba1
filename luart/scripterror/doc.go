// Package scripterror knows errors of scripts: what one says, where it is, what to do about it, and which
// were the latest.
package scripterror
