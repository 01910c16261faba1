---@meta rover.fs

---Files in the folders of [allow fs](../directive.md). A relative path starts at the script's folder. See [files](../files.md#files-of-the-script).
---
---What fails returns nil, a message and a word for it: "not_found", "exists", "forbidden", "too_large", "not_file", "timeout" or "failed".
rover.fs = {}

---@alias rover.FileError "not_found"|"exists"|"forbidden"|"too_large"|"not_file"|"timeout"|"failed"

---@class rover.FileInfo
---@field type "file"|"directory"|"other"
---@field size integer? Bytes of a file.
---@field modified number? Seconds since 1970.
---@field name string? In a list.

---The whole of a file.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/read.txt", "one")
---rover.fs.read("data/read.txt") --> "one"
---select(3, rover.fs.read("data/none.txt")) --> "not_found"
---select(3, rover.fs.read("data/../app.lua")) --> "failed"
---```
---@param path string
---@param max? integer bytes that it may have, up to 16 MiB, default 1 MiB
---@return string? text nil where it cannot be read
---@return string? message
---@return rover.FileError? kind
function rover.fs.read(path, max) end

---A file line by line, for a loop. It is read at once. A line is without its end.
---
---Errors: without "allow fs"; where the file cannot be read.
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/lines.txt", "one\ntwo\n")
---local found = {}
---for line in rover.fs.lines("data/lines.txt") do found[#found + 1] = line end
---table.concat(found, "+") --> "one+two"
---```
---@param path string
---@param max? integer bytes that it may have, up to 16 MiB, default 1 MiB
---@return fun(): string?
function rover.fs.lines(path, max) end

---Makes a text the whole of a file. Who reads it meanwhile gets the old text or the new one, also after a crash.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/write.txt", "one") --> true
---rover.fs.read("data/write.txt") --> "one"
---```
---@param path string
---@param text string
---@return true? done nil where it is not
---@return string? message
---@return rover.FileError? kind
function rover.fs.write(path, text) end

---Puts a text at the end of a file, which is made if there is none. A file can be of 1 GiB.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/append.txt", "one")
---rover.fs.append("data/append.txt", "two") --> true
---rover.fs.read("data/append.txt") --> "onetwo"
---```
---@param path string
---@param text string
---@return true? done nil where it is not
---@return string? message
---@return rover.FileError? kind
function rover.fs.append(path, text) end

---What is at a path.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/stat.txt", "one")
---rover.fs.stat("data/stat.txt").size --> 3
---rover.fs.stat("data").type --> "directory"
---```
---@param path string
---@return rover.FileInfo? info nil where there is nothing, or it leads out of the folder
---@return string? message
---@return rover.FileError? kind
function rover.fs.stat(path) end

---Whether there is something at a path.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.exists("data") --> true
---rover.fs.exists("data/none.txt") --> false
---```
---@param path string
---@return boolean? exists nil where it is not known
---@return string? message
---@return rover.FileError? kind
function rover.fs.exists(path) end

---What is in a folder, by name, at most 10,000.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.mkdir("data/list")
---rover.fs.write("data/list/a.txt", "one")
---rover.fs.list("data/list")[1].name --> "a.txt"
---```
---@param path string
---@return rover.FileInfo[]? list nil where it cannot be read
---@return string? message
---@return rover.FileError? kind
function rover.fs.list(path) end

---Removes a file, a link or an empty folder.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.write("data/remove.txt", "one")
---rover.fs.remove("data/remove.txt") --> true
---rover.fs.exists("data/remove.txt") --> false
---```
---@param path string
---@return true? done nil where it is not
---@return string? message
---@return rover.FileError? kind
function rover.fs.remove(path) end

---Makes a folder, and those that it is in. It may be there.
---
---Errors: without "allow fs".
---
---Waits: for the file system.
---
---```lua
---rover.fs.mkdir("data/a/b") --> true
---rover.fs.stat("data/a").type --> "directory"
---```
---@param path string
---@return true? done nil where it is not
---@return string? message
---@return rover.FileError? kind
function rover.fs.mkdir(path) end
