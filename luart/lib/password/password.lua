---@meta rover.password

---Passwords: hashes to store, by Argon2id or bcrypt. See [passwords and cryptography](../crypto.md).
rover.password = {}

---The hash of a password, a text to store: parameters, a salt and the hash itself (a PHC string).
---
---By default it is of Argon2id with 19 MiB of memory and 2 passes, which OWASP recommends. At most half of the processors
---hash at once, 4 at most, and 64 wait.
---
---Errors: a 400 for a password that is empty or longer than 4 KiB; with bcrypt also for one that is longer than 72 bytes, or has a NUL
---byte. A 503 where too many wait. An option that is none; parameters that are too weak or too costly.
---
---Waits: for the hash, which is computed off the VM.
---
---```lua
---local hash = rover.password.hash("correct horse")
---hash:match("^%$argon2id%$v=19%$m=19456,t=2,p=1%$") ~= nil --> true
---rover.password.verify("correct horse", hash) --> true, false
---rover.password.verify("wrong", hash) --> false, false
---rover.password.verify("correct horse", nil) --> false, false
---```
---@param password string
---@param options? { algorithm?: "argon2id"|"bcrypt", memory?: string, passes?: integer, lanes?: integer, cost?: integer } memory: at least 7MiB, default 19MiB. passes: default 2; memory times passes is from 35MiB to 512MiB. lanes: 1 to 16, default 1. cost: of bcrypt, 10 to 14, default 12.
---@return string hash
function rover.password.hash(password, options) end

---Whether a stored hash is of a password. It takes hashes of other programs too: `$argon2id$v=19$…`, and bcrypt's `$2a$`, `$2b$`, `$2y$`.
---
---Give it nil for a user that there is not: it takes as long as a hash with these options, and is false. Otherwise the time of an
---answer tells who has an account.
---
---Where the second result is true, the password is right and the hash is of another algorithm than the options say, or made with less
---memory, fewer passes or a lower cost: hash the password anew and store that.
---
---Errors: a 400 for a password that is longer than 4 KiB, a 503 where too many wait. A hash of another form, or one that costs more than
---128 MiB, 16 passes, 16 lanes, 512 MiB times passes, or bcrypt's cost of 14.
---
---Waits: for the hash, which is computed off the VM.
---
---```lua
---local old = rover.password.hash("correct horse", { algorithm = "bcrypt", cost = 10 })
---rover.password.verify("correct horse", old) --> true, true
---rover.password.verify("correct horse", old, { algorithm = "bcrypt", cost = 10 }) --> true, false
---```
---@param password string
---@param hash string?
---@param options? { algorithm?: "argon2id"|"bcrypt", memory?: string, passes?: integer, lanes?: integer, cost?: integer } what new hashes are made with, as in hash
---@return boolean ok
---@return boolean needs_rehash
function rover.password.verify(password, hash, options) end
