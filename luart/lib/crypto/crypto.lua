---@meta rover.crypto

---Digests, signatures, random bytes.
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
---Errors: an unknown algorithm or encoding.
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

---Compares in a time that depends on the lengths only: for tokens and signatures.
---
---```lua
---rover.crypto.equal("s3cret", "s3cret") --> true
---rover.crypto.equal("s3cret", "guess") --> false
---```
---@param a string
---@param b string
---@return boolean
function rover.crypto.equal(a, b) end
