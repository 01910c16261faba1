package luart

// phase is what one entry of a request into the VM does. A request has several: the handlers
// run in one, the after hooks of a response that another handler made in the next, and the
// producer of a stream has one for each piece.
type phase uint8

const (
	phaseHandlers     phase = iota // before hooks, the route's handler, after hooks of its answer
	phaseAfter                     // after hooks of a reply that no handler of the script made
	phasePickFailed                // the reply for a pick that has failed, and its after hooks
	phaseProduce                   // the next piece of a stream
	phaseStreamFailed              // the reply for a stream that has failed unsent, and its after hooks
	phaseQuestion                  // a matcher or a policy, of a request that is not served
)

// runPhase does what x.phase says. Only the holder may call it.
func (x *Exchange) runPhase() {
	switch x.phase {
	case phaseHandlers:
		x.runHandlers()
		if x.outcome.decision != Answer || len(x.match.After) > 0 { // else runAfter does it
			x.doHeadWork(x.outcome.decision != Answer && len(x.match.After) == 0)
		}
		x.runAfter()
		x.forward.dropUnsent(&x.outcome.reply)
	case phaseAfter:
		x.runAfter()
	case phasePickFailed:
		x.setPickReply()
		x.runAfter()
	case phaseProduce:
		x.stream.produce()
	case phaseStreamFailed:
		x.setStreamReply()
	case phaseQuestion:
		x.answerQuestion()
	}
	if x.phase != phaseProduce {
		x.addCookies()
	}
}
