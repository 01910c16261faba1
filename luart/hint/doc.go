// Package hint says what to do about the errors of a script: from the message, from the source at
// the place of the error, and from what the names that stand there hold in the VM.
package hint
