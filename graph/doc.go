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
// The package must never present a partial read as a whole one: every read
// either returns all rows or an [*Error]. It must never send a token to any
// host but the configured endpoint's, never follow a redirect, and never put a
// token, a query string or a person's name in an error.
package graph
