-- Scripts of Rover's own server, as its documents write them: bodies, expect, uploads, cookies.
-- POST /body/json {"a":1} | Content-Type: application/json => 200 {"a":1}
-- POST /body/raw {"a":1} | Content-Type: application/json => 200 {"a":1}
-- POST /body/string hello => 200 hello
-- POST /body/form user=ann&x=1 | Content-Type: application/x-www-form-urlencoded => 200 ann
-- POST /body/embed {"a":1} | Content-Type: application/json => 200 {"body":{"a":1}}
-- POST /body/embed hello | Content-Type: text/plain => 200 {"body":"hello"}
-- POST /expect {"name":"ann","is_admin":true} | Content-Type: application/json => 200 {"name":"ann"}
-- POST /expect {} | Content-Type: application/json => 400 {"errors":[{"field":"name","message":"Field 'name' is required","type":"required"}]}
-- POST /expect/message {} | Content-Type: application/json => 422 {"error":"Field 'name' is required"}
-- POST /upload --b\r\nContent-Disposition: form-data; name="title"\r\n\r\nHoliday\r\n--b\r\nContent-Disposition: form-data; name="avatar"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n--b--\r\n | Content-Type: multipart/form-data; boundary=b => 200 {"title":"Holiday","type":"text/plain","size":5,"data":"hello","same":"hello","files":1}
-- POST /upload --b\r\nContent-Disposition: form-data; name="title"\r\n\r\nHoliday\r\n--b--\r\n | Content-Type: multipart/form-data; boundary=b => 400 {"error":"no avatar"}
-- GET /cookies/set => 200 ok | Set-Cookie: sid=abc; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax
-- GET /cookies/read | Cookie: sid=abc; x=1 => 200 {"sid":"abc","x":"1","none":true}
local api = rover.server {}

function api.body.json.post(ctx) return ctx:body():json() end
function api.body.raw.post(ctx) return ctx:body():raw() end
function api.body.string.post(ctx) return ctx:body():as_string() end
function api.body.form.post(ctx) return ctx:body():form().user end
function api.body.embed.post(ctx) return { body = ctx:body() } end

function api.expect.post(ctx)
  local ok, data = pcall(function() return ctx:body():expect { name = "string" } end)
  if not ok then return api:error(400, data) end
  return data
end
function api.expect.message.post(ctx)
  local _, err = pcall(function() return ctx:body():expect { name = "string" } end)
  return api:error(422, err.message)
end

function api.upload.post(ctx)
  local form, avatar = ctx:body():multipart(), ctx:body():file("avatar")
  if not avatar then return api:error(400, "no avatar") end
  return {
    title = form.fields.title, type = avatar.type, size = avatar.size, data = avatar.data,
    same = form.files.avatar[1].data, files = #ctx:body():files("avatar"),
  }
end

function api.cookies.set.get(ctx)
  return api.text("ok"):set_cookie { name = "sid", value = "abc", path = "/", max_age = 60, http_only = true, secure = true, same_site = "lax" }
end
function api.cookies.read.get(ctx)
  local all = ctx:cookies()
  return { sid = ctx:cookie("sid"), x = all.x, none = ctx:cookie("q") == nil }
end

return api
