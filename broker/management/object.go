package management

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// An object is a JSON object that a client has sent. Its methods read fields as
// RabbitMQ does: booleans and integers may be strings, since rabbitmqadmin sends
// them so.
type object map[string]any

// boolean is a field; the standard value if it is absent.
func (o object) boolean(key string, standard bool) (bool, error) {
	switch v := o[key].(type) {
	case nil:
		return standard, nil
	case bool:
		return v, nil
	case string:
		if v == "true" || v == "false" {
			return v == "true", nil
		}
		return false, badRequest([]any{"not_boolean", v})
	default:
		return false, badRequest([]any{"not_boolean", v})
	}
}

// integer is a field; the standard value if it is absent.
func (o object) integer(key string, standard int) (int, error) {
	switch v := o[key].(type) {
	case nil:
		return standard, nil
	case json.Number:
		if n, err := strconv.Atoi(v.String()); err == nil {
			return n, nil
		}
		return 0, badRequest([]any{"not_integer", v})
	case string:
		if n, err := strconv.Atoi(v); err == nil {
			return n, nil
		}
		return 0, badRequest([]any{"not_integer", v})
	default:
		return 0, badRequest([]any{"not_integer", v})
	}
}

// text is a field; the standard value if it is absent.
func (o object) text(key, standard string) (string, error) {
	switch v := o[key].(type) {
	case nil:
		return standard, nil
	case string:
		return v, nil
	}
	return "", badRequest(fmt.Sprintf("%s must be a string", key))
}

// object is a field that is an object; an empty one if it is absent.
func (o object) object(key string) (object, error) {
	switch v := o[key].(type) {
	case nil:
		return object{}, nil
	case map[string]any:
		return v, nil
	case []any: // rabbitmqadmin and PHP send an empty object so
		if len(v) == 0 {
			return object{}, nil
		}
	}
	return nil, badRequest(fmt.Sprintf("%s must be an object", key))
}

// arguments is a field that is an object, as AMQP has it.
func (o object) arguments(key string) (map[string]any, error) {
	raw, err := o.object(key)
	if err != nil {
		return nil, err
	}
	args, err := argumentsOf(raw)
	if err != nil {
		return nil, badRequest(err.Error())
	}
	return args, nil
}

// words is a field that is a list of words: an array, or a text with commas.
func (o object) words(key string) ([]string, error) {
	switch v := o[key].(type) {
	case nil:
		return nil, nil
	case string:
		var list []string
		for word := range strings.SplitSeq(v, ",") {
			if word = strings.TrimSpace(word); word != "" {
				list = append(list, word)
			}
		}
		return list, nil
	case []any:
		list := make([]string, len(v))
		for i := range v {
			word, ok := v[i].(string)
			if !ok {
				return nil, badRequest(key + " must be strings")
			}
			list[i] = word
		}
		return list, nil
	}
	return nil, badRequest(key + " must be a string or an array")
}
