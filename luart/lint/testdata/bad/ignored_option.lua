local api = rover.server {
  port = 8080,
  body_size_limit = 1024,
  cors_origin = "*",
  permissions = {}, --> ignored-option
  https_redirect = false,
  readiness = { dependencies = { redis = true } }, --> ignored-option
  load_shed = true, --> ignored-option
}
return api
