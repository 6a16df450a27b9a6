// Package evidence makes packs of everything about recordings that a finding rests on, and proves such packs: signed,
// complete, unaltered, and with detectors that find the same again. A pack is an ordinary ZIP; its signature is
// minisign's. Proving one needs no server and no network.
package evidence
