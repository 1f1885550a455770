package scripts

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestScriptsAreWellFormed(t *testing.T) {
	name := regexp.MustCompile(`^[a-z]+/[a-z0-9-]+$`)
	number := regexp.MustCompile(`^(ERR|CONN|EXCH|QUEUE|BASIC|PERSIST|PERM|POLICY|LIMIT|TYPES|STREAM|CHASH|RANDOM|RECENT|MODULUS|LOCALRANDOM|DEDUP|EVENT|TRACE|LOGX|DLXALO|RETRY|SHOVEL)-[1-9][0-9]*$`)
	seen := map[string]bool{}
	for _, s := range All() {
		assert.Regexp(t, name, s.Name)
		assert.False(t, seen[s.Name], "%s is there twice", s.Name)
		seen[s.Name] = true
		assert.NotEmpty(t, s.Covers, s.Name)
		for _, c := range s.Covers {
			assert.Regexp(t, number, c, s.Name)
		}
		assert.NotNil(t, s.Run, s.Name)
	}
}
