package shared

import _ "embed"

// Definitions for editors.
var (
	//go:embed cache.lua
	cacheStubs string
	//go:embed lock.lua
	lockStubs string
	//go:embed semaphore.lua
	semaphoreStubs string
	//go:embed channel.lua
	channelStubs string
)
