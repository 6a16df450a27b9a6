package detectors

// EngineVersion changes whenever the same conversation and ruleset could give other findings.
const EngineVersion = "2"
