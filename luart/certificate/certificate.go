// Package certificate tells scripts what is in an X.509 certificate.
package certificate

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"
)

// Table describes a certificate. It is not checked by whom it was signed.
func Table(L *lua.LState, c *x509.Certificate) *lua.LTable {
	t := L.CreateTable(0, 8)
	t.RawSetString("subject", lua.LString(c.Subject.String()))
	t.RawSetString("issuer", lua.LString(c.Issuer.String()))
	t.RawSetString("serial", lua.LString(c.SerialNumber.String()))
	sum := sha256.Sum256(c.Raw)
	t.RawSetString("fingerprint", lua.LString(hex.EncodeToString(sum[:])))
	t.RawSetString("not_before", lua.LNumber(c.NotBefore.Unix()))
	t.RawSetString("not_after", lua.LNumber(c.NotAfter.Unix()))
	t.RawSetString("is_ca", lua.LBool(c.BasicConstraintsValid && c.IsCA))
	san := L.CreateTable(4, 0)
	for _, name := range c.DNSNames {
		san.Append(lua.LString(name))
	}
	for _, mail := range c.EmailAddresses {
		san.Append(lua.LString(mail))
	}
	for _, ip := range c.IPAddresses {
		san.Append(lua.LString(ip.String()))
	}
	for _, u := range c.URIs {
		san.Append(lua.LString(u.String()))
	}
	t.RawSetString("san", san)
	return t
}
