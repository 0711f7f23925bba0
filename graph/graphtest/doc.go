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
// The first word of a file's name is the service that it is part of:
//
//	http_       requests and answers over HTTP: permissions, queries, paging, throttling, faults
//	signin_     the authority that gives out tokens: applications, certificates, people
//	users_      users and deleted users; what administrators do to them and their licenses
//	groups_     groups, their members, rules and licenses
//	engine      group-based licensing: who gets what by which group, and when
//	skus_       the products, what the tenant has bought of them, and the organization
//	apps        the service principals of applications, and agents
//	licensing   the cloud licensing API
//	audit_      audit records, as Entra's log has them, and as the unified log does
//	search      the search of the unified log through Graph
//	feed        the feed of the unified log, by the Management Activity API
//	reports_    usage reports, and sign-ins
//	customers   the customers of a partner
//	tenant_     the state and the clock of all of this; made-up tenants, random and large ones
//	truth_      what truly happened, to compare with
//
// Of these, files that end in _list hold what the service answers, files that end in
// _ops what a test can have happen. Package exportfile writes audit records into files.
//
// The package is written from Microsoft's documentation, apart from the client
// it tests, and must never share decoding code with it. It never reads the
// wall clock, and the same seed gives the same tenant.
package graphtest
