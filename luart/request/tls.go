package request

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"

	lua "github.com/yuin/gopher-lua"
)

// TLS is ctx.tls, of a connection.
func TLS(L *lua.LState, s *tls.ConnectionState) lua.LValue {
	t := L.CreateTable(0, 5)
	t.RawSetString("version", lua.LString(tls.VersionName(s.Version)))
	t.RawSetString("cipher", lua.LString(tls.CipherSuiteName(s.CipherSuite)))
	t.RawSetString("sni", lua.LString(s.ServerName))
	t.RawSetString("alpn", lua.LString(s.NegotiatedProtocol))
	if len(s.PeerCertificates) > 0 {
		t.RawSetString("client", certTable(L, s.PeerCertificates[0]))
	}
	return t
}

// certTable describes a client's certificate; fingerprint is SHA-256 in hex.
func certTable(L *lua.LState, c *x509.Certificate) lua.LValue {
	t := L.CreateTable(0, 5)
	t.RawSetString("subject", lua.LString(c.Subject.String()))
	t.RawSetString("issuer", lua.LString(c.Issuer.String()))
	t.RawSetString("serial", lua.LString(c.SerialNumber.String()))
	sum := sha256.Sum256(c.Raw)
	t.RawSetString("fingerprint", lua.LString(hex.EncodeToString(sum[:])))
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
