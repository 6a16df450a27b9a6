// Package estimate holds the statistics of quality: how large a sample must be, what it says of the whole, and how far
// reviewers agree. Formulas and their sources are in docs/quality-review.md.
package estimate
