package settings

import "strings"

// nearestKey is the known key that a mistyped one is like; "" if none is near.
func nearestKey(key []string) string {
	name := strings.Join(key, ".")
	var candidates []string
	for i := range Options {
		if Options[i].Key != "" {
			candidates = append(candidates, fill(Options[i].Key, key))
		}
	}
	for _, pattern := range acceptedKeys {
		if !strings.HasSuffix(pattern, "**") {
			candidates = append(candidates, fill(pattern, key))
		}
	}
	return nearest(name, candidates, max(2, len(name)/4))
}

// fill puts a key's words where a pattern has $words.
func fill(pattern string, key []string) string {
	words := strings.Split(pattern, ".")
	for i, word := range words {
		if strings.HasPrefix(word, "$") && i < len(key) {
			words[i] = key[i]
		}
	}
	return strings.Join(words, ".")
}

// Nearest is the name that a mistyped one is like; "" if none is near.
func Nearest(name string, names []string) string { return nearest(name, names, 2) }

// nearest is the candidate with the fewest changes to name, of at most so many; "" if
// there is none. Of equals the first one.
func nearest(name string, candidates []string, most int) string {
	best := ""
	for _, c := range candidates {
		if d := distance(name, c, most); d <= most {
			best, most = c, d-1
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to make b of a, two
// that are swapped counting once; more than most is most+1.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	twoBefore := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		twoBefore, before, row = before, row, twoBefore
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], twoBefore[j-2]+1)
			}
		}
	}
	return min(row[len(b)], most+1)
}
