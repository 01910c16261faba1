package request

import (
	"crypto/tls"

	lua "github.com/yuin/gopher-lua"

	"github.com/caddy-rover/rover/luart/certificate"
)

// TLS is ctx.tls, of a connection.
func TLS(L *lua.LState, s *tls.ConnectionState) lua.LValue {
	t := L.CreateTable(0, 5)
	t.RawSetString("version", lua.LString(tls.VersionName(s.Version)))
	t.RawSetString("cipher", lua.LString(tls.CipherSuiteName(s.CipherSuite)))
	t.RawSetString("sni", lua.LString(s.ServerName))
	t.RawSetString("alpn", lua.LString(s.NegotiatedProtocol))
	if len(s.PeerCertificates) > 0 {
		t.RawSetString("client", certificate.Table(L, s.PeerCertificates[0]))
	}
	return t
}
