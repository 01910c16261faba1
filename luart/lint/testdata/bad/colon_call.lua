local api = rover.server {}
function api.get() return api:json { ok = true } end --> colon-call
function api.a.get() return api:redirect("/b") end --> colon-call
function api.b.get() return api:no_content() end
return api
