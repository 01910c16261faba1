local api = rover.server {}
function api.users.p_id.posts.p_id.get(ctx) return ctx:param("id") end --> clashing-parameter
return api
