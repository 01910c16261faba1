---@meta rover.crypto

rover.crypto = {}

---@alias rover.Encoding "hex"|"base64"|"base64url"|"raw"

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha256(bytes, encoding) end

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha384(bytes, encoding) end

---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha512(bytes, encoding) end

---For old protocols.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.sha1(bytes, encoding) end

---For old protocols.
---@param bytes string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.md5(bytes, encoding) end

---@param algorithm "md5"|"sha1"|"sha256"|"sha384"|"sha512"
---@param key string
---@param message string
---@param encoding? rover.Encoding Default: hex
---@return string
function rover.crypto.hmac(algorithm, key, message, encoding) end

---Bytes of the system's secure source.
---@param n integer 1 to 65536
---@param encoding? rover.Encoding Default: raw
---@return string
function rover.crypto.random(n, encoding) end

---A random UUID (version 4).
---@return string
function rover.crypto.uuid() end

---Compares in a time that depends on the lengths only: for tokens and signatures.
---@param a string
---@param b string
---@return boolean
function rover.crypto.equal(a, b) end
