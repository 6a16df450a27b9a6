// Package training fits the linear model that confirms and proposes findings: a logistic regression per rule over the
// features that detectors.Engine observes. It is reproducible: fixed seed, fixed order, no clock.
package training
