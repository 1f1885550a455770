package broker

import "github.com/rabbetmq/rabbet/broker/internal/pattern"

// CompilePattern compiles a regular expression as the patterns of permissions and
// policies are: PCRE, not anchored. The error has RabbitMQ's reason. A match that takes
// more than 50 ms counts as none. The function may be called by several goroutines.
func CompilePattern(expr string) (match func(s string) bool, err error) {
	p, err := pattern.Compile(expr)
	if err != nil {
		return nil, err
	}
	return p.MatchString, nil
}
