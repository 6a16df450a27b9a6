// Package custody sees to it that recordings are kept: locked in the store until their date, held where the law wants
// it, copied, checked against their hashes, and destroyed only after all of that and somebody's approval.
//
// PostgreSQL holds what is to be; the store is told by jobs that may be cut off at any point and repeated.
package custody
