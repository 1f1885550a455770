// The shortest program that still shows a difference.

package scripts

import (
	"slices"

	wire "github.com/rabbetmq/rabbet/amqp"
)

// shrink drops steps, bodies, properties, arguments as long as the program differs.
func shrink(p program, differs func(program) bool) program {
	for size := max(1, len(p.steps)/2); size > 0; size /= 2 {
		for i := 0; i < len(p.steps); {
			if shorter := p.without(i, i+size); differs(shorter) {
				p = shorter
			} else {
				i += size
			}
		}
	}
	for i := range p.steps {
		for _, simpler := range p.steps[i].simpler() {
			candidate := program{slices.Clone(p.steps), p.slow}
			if candidate.steps[i] = simpler(candidate.steps[i]); differs(candidate) {
				p = candidate
			}
		}
	}
	return p
}

// simpler are ways to say less in a step.
func (s step) simpler() (ways []func(step) step) {
	for range s.bodies[min(1, len(s.bodies)):] {
		ways = append(ways, func(s step) step {
			s.bodies = s.bodies[1:]
			return s
		})
	}
	for _, flag := range propertyFlags {
		if s.props.Flags&flag != 0 {
			ways = append(ways, func(s step) step {
				s.props.Flags &^= flag
				return s
			})
		}
	}
	for i := range s.props.Headers {
		name := s.props.Headers[i].Key
		ways = append(ways, func(s step) step {
			s.props.Headers = withoutKey(s.props.Headers, name)
			return s
		})
	}
	if args := argumentsOf(s.method); args != nil {
		for _, f := range *args {
			ways = append(ways, func(s step) step {
				s.method = renamed(s.method, func(s string) string { return s })
				args := argumentsOf(s.method)
				*args = withoutKey(*args, f.Key)
				return s
			})
		}
	}
	return ways
}

func withoutKey(t wire.Table, key string) wire.Table {
	return slices.DeleteFunc(slices.Clone(t), func(f wire.Field) bool { return f.Key == key })
}

// argumentsOf is the table of a method that has one.
func argumentsOf(m wire.Method) *wire.Table {
	switch m := m.(type) {
	case *wire.QueueDeclare:
		return &m.Arguments
	case *wire.ExchangeDeclare:
		return &m.Arguments
	case *wire.QueueBind:
		return &m.Arguments
	case *wire.QueueUnbind:
		return &m.Arguments
	case *wire.ExchangeBind:
		return &m.Arguments
	case *wire.ExchangeUnbind:
		return &m.Arguments
	case *wire.BasicConsume:
		return &m.Arguments
	}
	return nil
}
