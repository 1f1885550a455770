package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rabbetmq/rabbet/conformance/scripts"
)

func TestEachCoveredBehaviourHasASentence(t *testing.T) {
	for _, s := range scripts.All() {
		for _, number := range s.Covers {
			assert.NotEmpty(t, sentence(number), "%s: behaviours.txt has no %s", s.Name, number)
		}
	}
}

func TestBehaviours(t *testing.T) {
	counts := map[string]int{}
	for _, s := range sections() {
		counts[s.Prefix] = len(s.Behaviours)
		assert.NotEmpty(t, s.About, s.Prefix)
	}
	assert.Equal(t, map[string]int{"ERR": 6, "CONN": 82, "EXCH": 63, "QUEUE": 100, "BASIC": 91, "PERSIST": 19,
		"PERM": 16, "POLICY": 13, "LIMIT": 8, "TYPES": 12,
		"STREAM": 41, "CHASH": 9, "RANDOM": 1, "RECENT": 3, "MODULUS": 1, "LOCALRANDOM": 1, "DEDUP": 11, "SHOVEL": 12, "FEDERATION": 2,
		"EVENT": 5, "LOGX": 11, "TRACE": 5, "DLXALO": 22, "RETRY": 18, "AUTHHTTP": 25}, counts)
	assert.Equal(t, "immediate is refused with 540.", sentence("BASIC-2"))
	assert.Empty(t, sentence("BASIC-92"))
}

func TestParseSections(t *testing.T) {
	got, err := parseSections("# words\n\n== A the first\nA-1 One.\nA-2 Two.\n== B more\n")
	require.NoError(t, err)
	assert.Equal(t, []section{{"A", "the first", []behaviour{{"A-1", "One."}, {"A-2", "Two."}}}, {"B", "more", nil}}, got)
	for _, bad := range []string{"A-1 One.", "== A x\nA-2 Two.", "== A x\nA-1", "== A x\nB-1 One."} {
		_, err := parseSections(bad)
		assert.Error(t, err, bad)
	}
}
