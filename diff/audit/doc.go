// Package audit reads Microsoft's audit records about licenses: it decodes the
// several shapes in which one record is delivered, and puts together the
// records that describe one operation.
//
// It is pure: it reads no file, no network and no clock, and gives the same
// answer for the same records in whatever order they arrive. It never guesses:
// what a record does not say stays empty, and a license set that was not read
// in full says so, because evidence that is wrong is worse than none.
package audit
