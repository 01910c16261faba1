---@meta rover.env

---Environment variables (allow env): rover.env.NAME, or rover.env.get(name, default). They are asked each time and cannot be
---set. What is not set is nil.
---
---Errors: without "allow env"; an assignment.
---
---```lua
---rover.env.COLOUR --> "blue"
---rover.env.SIZE --> nil
---rover.env.get("SIZE", "large") --> "large"
---```
---@type { get: (fun(name: string, default?: string): string?), [string]: string? }
rover.env = {}
