// Package scripts holds the scripts by which package conformance judges a broker,
// and what they are written with: T is one run of one script, Conn and Channel are
// the official client's with helpers, Raw speaks frames.
package scripts

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Script is one check, small enough to be read from top to bottom.
type Script struct {
	// Name is unique among all scripts: section, slash, subject.
	Name string
	// Covers lists the behaviours that the script proves, such as "EXCH-3".
	Covers []string
	// Since and Before bound the versions of RabbitMQ in which the script
	// holds: from Since on, up to but not including Before. Zero is no bound.
	Since, Before Version
	// Alone makes the script run after all others, one at a time, since it
	// disturbs what runs beside it: it restarts the broker or raises an alarm.
	Alone bool
	// Run does the work. It reports through its T and may end early.
	Run func(*T)
}

// AppliesTo reports whether the script holds in RabbitMQ of version v.
func (s Script) AppliesTo(v Version) bool {
	return s.Since.Compare(v) <= 0 && (s.Before == Version{} || v.Compare(s.Before) < 0)
}

// Versions says which versions the script is bound to, such as "from 4.0.0 before
// 4.3.0"; it is empty for all.
func (s Script) Versions() string {
	var bounds []string
	if s.Since != (Version{}) {
		bounds = append(bounds, "from "+s.Since.String())
	}
	if s.Before != (Version{}) {
		bounds = append(bounds, "before "+s.Before.String())
	}
	return strings.Join(bounds, " ")
}

// All returns every script, section by section.
func All() []Script {
	return slices.Concat(
		connectionScripts,
		exchangeScripts,
		queueScripts,
		basicScripts,
		policyScripts,
		permissionScripts,
		quotaScripts, nodeQuotaScripts,
		newerScripts,
		restartScripts,
		quorumSafelyScripts,
		quorumRetryScripts,
		alarmScripts,
		typeScripts,
	)
}

// Version is a version of RabbitMQ, the one a broker claims to be.
type Version struct{ Major, Minor, Patch int }

// V is short for a Version.
func V(major, minor, patch int) Version { return Version{major, minor, patch} }

// ParseVersion reads the version that a broker states in its
// server-properties. Missing parts are zero, a suffix such as "-rc.1" is
// dropped; anything else is an error.
func ParseVersion(s string) (Version, error) {
	number, _, _ := strings.Cut(s, "-")
	number, _, _ = strings.Cut(number, "+")
	parts := strings.Split(number, ".")
	var n [3]int
	for i, part := range parts[:min(len(parts), len(n))] {
		var err error
		if n[i], err = strconv.Atoi(part); err != nil {
			return Version{}, fmt.Errorf("conformance: %q is no version", s)
		}
	}
	return Version{n[0], n[1], n[2]}, nil
}

// profiles are the versions that a series of RabbitMQ stands for: its latest that
// the behaviours were read from.
var profiles = map[string]Version{
	"3.10": {3, 10, 25}, "3.13": {3, 13, 7}, "4.2": {4, 2, 7}, "4.3": {4, 3, 6},
}

// Profile is the version to judge a broker as: one of the series 3.10, 3.13, 4.2
// and 4.3, or a version in full, such as 3.10.8.
func Profile(name string) (Version, error) {
	if v, ok := profiles[name]; ok {
		return v, nil
	}
	v, err := ParseVersion(name)
	if err == nil && strings.Count(name, ".") < 2 {
		err = fmt.Errorf("conformance: no profile %q: it is one of %s, or a version in full", name,
			strings.Join(slices.Sorted(maps.Keys(profiles)), ", "))
	}
	return v, err
}

// Compare is negative if v is older than w, zero if they are equal.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// AtLeast reports whether v is major.minor.patch or newer.
func (v Version) AtLeast(major, minor, patch int) bool {
	return v.Compare(Version{major, minor, patch}) >= 0
}

// String is the version in RabbitMQ's own form, such as "3.13.7".
func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }
