package store

// GoBy has the scripts on the server go by a clock that a test sets: a hash with s, seconds, and us,
// microseconds beside.
func (r *Redis) GoBy(hash string) {
	r.scripts = newScripts("local t = redis.call('HMGET', '" + hash + "', 's', 'us')")
}
