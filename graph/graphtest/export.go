package graphtest

// JSON is the event as the service shows it.
func (e *Event) JSON() []byte { return []byte(text(e.object())) }
