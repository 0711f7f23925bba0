package snapshot

import "strings"

// AgentType is the type of an agent user in what is read from the history: software
// in the shape of a user, which holds licenses and cannot sign in. Graph has it as a
// derived type of user; the attribute userType of these users says Member.
const AgentType = "Agent"

// IsAgent reports whether the user is an agent user.
func (a *Attributes) IsAgent() bool { return a.Type == AgentType }

// Kind is what sort of user it is: member, guest or agent; "" where Graph did not say.
func (a *Attributes) Kind() string { return strings.ToLower(a.Type) }
