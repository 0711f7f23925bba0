// Package graph reads a tenant's licensing state from Microsoft Graph.
//
// What it reads has the types of package snapshot, and its methods fit the
// interfaces of package track as they are: neither knows the other, and nothing
// stands between them.
//
// It is the only package that imports the Graph SDK and azidentity. The SDK
// builds the requests and signs them; sending, retrying, paging and decoding
// are done here, because the SDK's page iterator ends silently on several
// kinds of bad page and its retry handler does not retry a 500 or a 502.
//
// # Users in partitions
//
// The pages of a list come one after the other, since each names the next. So
// a large tenant can be read in partitions of its users, several at a time:
// [Options.Partitions]. What partitions give counts only if it is shown to be
// what one pass over all users would give; whenever it is not, the rows that
// were handed over are dropped, the users are read in one pass, and a warning
// says why.
//
// A partition is a range of createdDateTime, which never changes, by the
// operators ge and le, which the documentation lists for it as working by
// default: Graph answers them from the same store as an unfiltered list.
// Ranges are closed at both ends and neighbors share a whole second, so that
// no time and no fraction of a second lies between them; whoever was created
// in that second is listed in both and counts once, if the rows are the same.
// Users without createdDateTime, who are older than June 2018, are a partition
// of their own: createdDateTime eq null. The documentation lists no test for
// null on this property. Where Graph does not take it by default, it is tried
// as an advanced query, which is answered from an index that lags behind: this
// gives ids only, by which the users are read, 15 with a request.
//
// The partitions count if all of this holds:
//
//   - Each was read to its end, and each row belongs to its partition.
//   - Nobody was listed twice, but in the second that two partitions share,
//     and then as the same.
//   - When a page token is lost, its partition begins anew, and each user whom
//     it had listed is listed again as the same: else somebody may have left.
//   - Graph counts as many users before or after the read, but for one in a
//     thousand, and exactly as many without createdDateTime.
//   - Each user of the run before was listed, is among the deleted, or is not
//     found when looked up: [snapshot.KnownRows].
//
// The ranges are cut by counts, so that they are of about one size. All
// connections share one hold: when one is told to wait, none sends anything.
//
// The package must never present a partial read as a whole one: every read
// either returns all rows or an [*Error]. It must never send a token to any
// host but the configured endpoint's, never follow a redirect, and never put a
// token, a query string or a person's name in an error.
package graph
