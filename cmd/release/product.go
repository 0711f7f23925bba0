package main

// What packages and manifests say of the program.
const (
	product    = "lictrail"
	summary    = "History of who holds which Microsoft 365 license, and who changed it"
	license    = "MIT"
	maintainer = "The lictrail authors"
	// home is the address below which releases are published, without a slash at its
	// end: the archives of a version v0.1.0 are in home/releases/download/v0.1.0. There
	// is none yet; the flag -home names one for a release.
	home  = ""
	about = summary + `.
Reads a Microsoft 365 tenant every week, compares with the week before, and
keeps who holds which license since when, by which path, and who assigned or
removed it, on what evidence. It reads tenants and never writes to one.`
)
