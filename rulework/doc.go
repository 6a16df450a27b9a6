// Package rulework is work on rulesets: versions and how they go live, what differs between two in words, what a change
// would have found and lost in stored conversations (the back-test) and when that forbids publishing, and how a
// reviewer's decision becomes an example. It is pure; PostgreSQL keeps what it describes.
package rulework
