---@meta rover.webhook

---Calls of other companies: whether one was signed by who has the secret. See [webhooks](../crypto.md#webhooks).
rover.webhook = {}

---Whether a request was signed by its sender, and lately. What is signed is the body as it came; this reads it.
---
---| kind | headers | time |
---|---|---|---|
---| "github" | `X-Hub-Signature-256` | none |
---| "stripe" | `Stripe-Signature`, of version v1 | yes |
---| "standard" | `Webhook-Id`, `Webhook-Timestamp`, `Webhook-Signature`, of version v1: [Standard Webhooks](https://www.standardwebhooks.com) | yes |
---
---The secret is what the sender has shown, with its `whsec_`; while it changes, give a list of both. A header that is there twice, or
---can be read in two ways, is not genuine.
---
---The id is the same for each copy of a message, and no other message has it: note it for twice the tolerance, to take each message once.
---
---Errors: a secret of less than 16 bytes, or that is none of the kind; an option that is none; those of reading the body.
---
---Waits: for the body.
---
---```lua
---local secret = rover.config.secret or ("s"):rep(32)
---function api.hook.post(ctx)
---  local ok, why = rover.webhook.verify("github", ctx, secret)
---  if not ok then return api:error(401, why) end
---  return "thanks"
---end
----- POST /hook {"a":1} | X-Hub-Signature-256: sha256=88f0659297da0cf59f01f53a6a17ca54d361d2edbf24c29fe9e56b0228cdb292 => 200 thanks
----- POST /hook {"a":2} | X-Hub-Signature-256: sha256=88f0659297da0cf59f01f53a6a17ca54d361d2edbf24c29fe9e56b0228cdb292 => 401 {"error":"wrong signature"}
----- POST /hook {"a":1} => 401 {"error":"unsigned"}
---```
---@param kind "github"|"stripe"|"standard"
---@param ctx rover.Ctx
---@param secret string|string[]
---@param options? { tolerance?: number } tolerance: seconds that the time of the request may be from now, 1 to 3600, default 300
---@return true? genuine nil where it is not
---@return string id Of the message; or why it is not genuine
function rover.webhook.verify(kind, ctx, secret, options) end
