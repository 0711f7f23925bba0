package main

// What packages and manifests say of the program. The address where a release is
// published is not known here: -home names it.
const (
	product    = "lictrail"
	summary    = "History of who holds which Microsoft 365 license, and who changed it"
	license    = "MIT"
	maintainer = "The lictrail authors <lictrail@example.com>"
	about      = summary + `.
Reads a Microsoft 365 tenant every week, compares with the week before, and
keeps who holds which license since when, by which path, and who assigned or
removed it, on what evidence. It reads tenants and never writes to one.`
)
