---@meta rover.crypto

---Digests, signatures, sealed texts, certificates, random bytes. See [passwords and cryptography](../crypto.md).
rover.crypto = {}

---How bytes are written: "hex" in lower case, "base64" padded, "base64url" unpadded, "raw" as they are.
---@alias rover.Encoding "hex"|"base64"|"base64url"|"raw"

---The SHA-256 digest of bytes.
---
---Errors: an unknown encoding.
---
---```lua
---rover.crypto.sha256("abc"):sub(1, 8) --> "ba7816bf"
---#rover.crypto.sha256("abc", "raw") --> 32
---rover.crypto.sha384("abc"):sub(1, 8) --> "cb00753f"
---rover.crypto.sha512("abc", "base64url"):sub(1, 8) --> "3a81oZNh"
---rover.crypto.sha1("abc"):sub(1, 8) --> "a9993e36"
---rover.crypto.md5("abc"):sub(1, 8) --> "90015098"
---```
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha256(bytes, encoding) end

---The SHA-384 digest of bytes.
---
---Errors: an unknown encoding.
---
---Example: see `rover.crypto.sha256`.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha384(bytes, encoding) end

---The SHA-512 digest of bytes.
---
---Errors: an unknown encoding.
---
---Example: see `rover.crypto.sha256`.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha512(bytes, encoding) end

---The SHA-1 digest of bytes. For old protocols.
---
---Errors: an unknown encoding.
---
---Example: see `rover.crypto.sha256`.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha1(bytes, encoding) end

---The MD5 digest of bytes. For old protocols.
---
---Errors: an unknown encoding.
---
---Example: see `rover.crypto.sha256`.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.md5(bytes, encoding) end

---The HMAC of a message. Compare it with rover.crypto.equal.
---
---Errors: an unknown algorithm or encoding; an empty key.
---
---```lua
---local signature = rover.crypto.hmac("sha256", "key", "message")
---signature:sub(1, 8) --> "6e9ef29b"
---rover.crypto.equal(signature, rover.crypto.hmac("sha256", "key", "message")) --> true
---```
---@param algorithm "md5"|"sha1"|"sha256"|"sha384"|"sha512"
---@param key string
---@param message string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.hmac(algorithm, key, message, encoding) end

---Bytes of the system's secure source.
---
---Errors: n that is not a whole number from 1 to 65,536; an unknown encoding.
---
---```lua
---#rover.crypto.random(16) --> 16
---#rover.crypto.random(16, "hex") --> 32
---```
---@param n integer 1 to 65,536
---@param encoding? rover.Encoding Default: raw
---@return string
function rover.crypto.random(n, encoding) end

---A random UUID (version 4).
---
---```lua
---#rover.crypto.uuid() --> 36
---```
---@return string
function rover.crypto.uuid() end

---Compares in a time that depends on the lengths only: for tokens and signatures. An empty text equals nothing, also no other
---empty one. So a secret that nobody has set lets nobody in.
---
---```lua
---rover.crypto.equal("s3cret", "s3cret") --> true
---rover.crypto.equal("s3cret", "guess") --> false
---rover.crypto.equal("", "") --> false
---```
---@param a string
---@param b string
---@return boolean
function rover.crypto.equal(a, b) end

---A key of signatures, of PEM: PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY, PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE. Parse it once, while the
---script loads.
---
---Errors: what is not one PEM block of these; an encrypted key; a key of RSA below 2048 or above 8192 bits; another curve
---than P-256, P-384 and P-521.
---
---```lua
---local key = rover.crypto.key [[
--------BEGIN PUBLIC KEY-----
---MCowBQYDK2VwAyEAqoLRR+Q/u32PJDguJkz70QMGVFlRo7I6MJMyjPx809I=
--------END PUBLIC KEY-----
---]]
---key:kind(), key:is_private() --> "Ed25519", false
---local signature = rover.base64.decode("PPKGAJxaUBcJEWkjMaGrEzX26/KCLnLezBS0A6OQIo1F+C8Wti0DHZ7k9746k+mc2gUsloTX3gvwU9kNu3h2Cg==")
---rover.crypto.verify("EdDSA", key, "message", signature) --> true
---rover.crypto.verify("EdDSA", key, "another", signature) --> false
---```
---@param pem string
---@return rover.Key
function rover.crypto.key(pem) end

---A key of rover.crypto.key.
---@class rover.Key
local Key = {}

---What it is.
---
---Example: see `rover.crypto.key`.
---@return "RSA"|"P-256"|"P-384"|"P-521"|"Ed25519"
function Key:kind() end

---Whether it can sign.
---
---Example: see `rover.crypto.key`.
---@return boolean
function Key:is_private() end

---The signature of a message, as bytes. (The key of the example is known to everybody.) Algorithms have the names of JSON Web Algorithms: RS is RSA with PKCS #1 v1.5, PS with PSS, and each ES has
---its own curve.
---
---Errors: an unknown algorithm, a key of another kind, a public key, an option that is none.
---
---Waits: for the signature, which is made off the VM.
---
---```lua
---local key = rover.crypto.key [[
--------BEGIN PRIVATE KEY-----
---MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpfoE+BrWMlGy9g4T
---X43neACA+2gd0o2l3uWmbsgIMKihRANCAARvj//rlPDZqUb8ZgCDiCUwmcf3xdlI
---gJEF1kaMYSG6zv1JNClWBrSn7kfZqZQZQIz6eQFJAvlIWYUbOpKf1p7/
--------END PRIVATE KEY-----
---]]
---local signature = rover.crypto.sign("ES256", key, "message", { format = "raw" })
---#signature --> 64
---rover.crypto.verify("ES256", key, "message", signature, { format = "raw" }) --> true
---rover.crypto.verify("ES256", key, "message", signature) --> false
---```
---@param algorithm "RS256"|"RS384"|"RS512"|"PS256"|"PS384"|"PS512"|"ES256"|"ES384"|"ES512"|"EdDSA"
---@param key rover.Key
---@param message string
---@param options? { format?: "asn1"|"raw" } format: how ES writes its two numbers, in ASN.1 (default), or one behind the other as in JSON Web Tokens
---@return string signature
function rover.crypto.sign(algorithm, key, message, options) end

---Whether a signature is one of a message, by the key or the private key of it.
---
---Errors: an unknown algorithm, a key of another kind, an option that is none.
---
---Example: see `rover.crypto.sign`.
---@param algorithm "RS256"|"RS384"|"RS512"|"PS256"|"PS384"|"PS512"|"ES256"|"ES384"|"ES512"|"EdDSA"
---@param key rover.Key
---@param message string
---@param signature string
---@param options? { format?: "asn1"|"raw" } format: as in sign
---@return boolean
function rover.crypto.verify(algorithm, key, message, signature, options) end

---Hides a text in a token that nobody without a key can read or make: AES-256-GCM, with a key derived anew for each. The token has
---letters, digits, - and _ alone, for URLs and cookies. The first key seals.
---
---It says nothing of when it was made: put a time into the text if it must end.
---
---Errors: a key of less than 32 bytes, more than 10 keys, a text of more than 64 KiB.
---
---```lua
---local old, new = ("o"):rep(32), ("n"):rep(32)
---local token = rover.crypto.seal(old, "user=ann", "reset")
---rover.crypto.open({ new, old }, token, "reset") --> "user=ann", true
---rover.crypto.open(new, token, "reset") --> nil, "it was not sealed with one of the keys"
---rover.crypto.open(old, token, "login") --> nil, "it was not sealed with one of the keys"
---```
---@param keys string|string[] at least 32 random bytes each, from openssl rand -base64 32 say
---@param text string
---@param context? string what the token is for: it opens with the same one only. Default: ""
---@return string token
function rover.crypto.seal(keys, text, context) end

---The text of a token that seal has made with one of the keys, for the same context.
---
---Errors: a key of less than 32 bytes, more than 10 keys.
---
---Example: see `rover.crypto.seal`.
---@param keys string|string[]
---@param token string
---@param context? string
---@return string? text
---@return boolean|string old whether another key than the first one has sealed it: seal it anew; or a message
function rover.crypto.open(keys, token, context) end

---What is in a certificate, a PEM block CERTIFICATE. Nothing checks by whom it was signed. The certificate of a client is in `ctx.tls.client`.
---
---Errors: those of wrong arguments.
---
---```lua
---local c = rover.crypto.certificate [[
--------BEGIN CERTIFICATE-----
---MIIBsDCCAVagAwIBAgIUdsKIZsnoc2ZBEDnlehj5kCTssp4wCgYIKoZIzj0EAwIw
---LjELMAkGA1UEBhMCREUxDjAMBgNVBAoMBVJvdmVyMQ8wDQYDVQQDDAZjbGllbnQw
---IBcNMjYxMTI5MTczODE3WhgPMjEyNjExMDUxNzM4MTdaMC4xCzAJBgNVBAYTAkRF
---MQ4wDAYDVQQKDAVSb3ZlcjEPMA0GA1UEAwwGY2xpZW50MFkwEwYHKoZIzj0CAQYI
---KoZIzj0DAQcDQgAEb4//65Tw2alG/GYAg4glMJnH98XZSICRBdZGjGEhus79STQp
---Vga0p+5H2amUGUCM+nkBSQL5SFmFGzqSn9ae/6NQME4wHQYDVR0OBBYEFP1/NEPB
---NztO7qWmeca660CgOD2xMB8GA1UdIwQYMBaAFP1/NEPBNztO7qWmeca660CgOD2x
---MAwGA1UdEwEB/wQCMAAwCgYIKoZIzj0EAwIDSAAwRQIhAM6JJDBAtdZn12YDK9ea
---lYlIempymf/67WVTgBKPry1iAiARd92FRImEj46/9abq/YxLqFerNH1g2u1qd56V
---y4PgKQ==
--------END CERTIFICATE-----
---]]
---c.subject, c.is_ca --> "CN=client,O=Rover,C=DE", false
---c.not_after > c.not_before --> true
---rover.crypto.certificate("") --> nil, "one PEM block expected, from -----BEGIN to -----END"
---```
---@param pem string
---@return rover.Certificate? certificate
---@return string? message
function rover.crypto.certificate(pem) end
