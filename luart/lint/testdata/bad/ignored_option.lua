local api = rover.server {
  port = 8080,
  body_size_limit = 1024,
  cors_origin = "*", --> ignored-option
  rate_limit = { enabled = true }, --> ignored-option
  https_redirect = false,
  security_headers = true, --> ignored-option
  readiness = { dependencies = { redis = true } }, --> ignored-option
}
return api
