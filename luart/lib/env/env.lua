---@meta rover.env

---Environment variables (allow env): rover.env.NAME, or rover.env.get(name, default).
---@type { get: (fun(name: string, default?: string): string?), [string]: string? }
rover.env = {}
