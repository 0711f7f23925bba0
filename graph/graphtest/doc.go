// Package graphtest simulates a Microsoft 365 tenant and serves it as
// Microsoft Graph v1.0 does: as strict about requests, as loose about order,
// and, where a test asks for it, as broken.
//
// A [Tenant] holds the state, a clock that only moves when told, and a truth
// log of everything that happened and why. A [Server] serves it over HTTP with
// permissions, paging, throttling and a fault plan. Audit events are made from
// the truth, in the shapes the real service uses, and may lie as it does.
//
// By default every consequence follows at once. An [Engine] makes group-based
// licensing follow with a lag, as it does, and a [Churn] plays weeks in which
// users get and lose a license by several paths. [Lives] and [Tenant.Evidence]
// say for each path and each SKU what happened and what the log has of it.
//
// The package is written from Microsoft's documentation, apart from the client
// it tests, and must never share decoding code with it. It never reads the
// wall clock, and the same seed gives the same tenant.
package graphtest
