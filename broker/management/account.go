package management

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"
)

func (q *request) whoAmI() error {
	return q.reply(func(e *encoder) {
		e.str("name", q.login.User)
		e.strs("tags", q.login.Tags)
		e.boolean("is_internal_user", q.login.Backend == nil)
		if timeout := q.s.cfg.LoginSessionTimeout; timeout > 0 {
			e.num("login_session_timeout", int64(timeout/time.Minute))
		}
	})
}

// auth tells how to log in: without OAuth.
func (q *request) auth() error {
	return q.reply(func(e *encoder) { e.boolean("oauth_enabled", false) })
}

// logInByForm is POST /api/login.
func (q *request) logInByForm() error {
	if kind, _ := q.mediaType(); kind != "application/x-www-form-urlencoded" {
		return status(http.StatusUnsupportedMediaType)
	}
	body, err := q.readBody()
	if err != nil {
		return err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return badRequest("the form cannot be read")
	}
	user, password := form.Get("username"), form.Get("password")
	q.peer = peerOf(q.r)
	if err := q.logIn(user, password); err != nil {
		return err
	}
	q.s.attempts.count(hostOf(q.peer), user, true)
	cookie := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	q.w.Header().Set("Set-Cookie", "auth="+cookie+"; Version=1; HttpOnly; SameSite=Strict")
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, `"ok"`...)
		return nil
	})
}

// Logins returns how many logins over HTTP there were.
func (s *Server) Logins() (succeeded, failed uint64) {
	total := s.attempts.total()
	return total.succeeded, total.failed
}

// attemptsTotals lists the logins over HTTP and AMQP.
func (q *request) listAttempts() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	total := q.s.attempts.total()
	amqp := q.s.broker.Logins()
	return q.answer(http.StatusOK, func(e *encoder) error {
		e.buf = append(e.buf, '[')
		for _, p := range []struct {
			protocol string
			attemptCount
		}{{"http", total}, {"amqp091", attemptCount{amqp.Succeeded, amqp.Failed}}} {
			if p.succeeded+p.failed == 0 {
				continue
			}
			e.open()
			e.str("protocol", p.protocol)
			p.write(e)
			e.shut()
		}
		e.buf = append(e.buf, ']')
		return nil
	})
}

func (c attemptCount) write(e *encoder) {
	e.count("auth_attempts", c.succeeded+c.failed)
	e.count("auth_attempts_failed", c.failed)
	e.count("auth_attempts_succeeded", c.succeeded)
}

func (q *request) listAttemptsBySource() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	return list(q, listing[sourceCount]{items: q.s.attempts.sources(), write: func(e *encoder, c sourceCount) bool {
		e.str("remote_address", c.host)
		e.str("username", c.user)
		e.str("protocol", "http")
		c.write(e)
		return true
	}})
}

func (q *request) resetAttempts() error {
	if err := q.requireNode(); err != nil {
		return err
	}
	q.s.attempts.reset()
	q.s.broker.ResetLogins()
	return q.done(false)
}

// fileName is a name that a client may give to a download, without what could end the
// header.
func fileName(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r == 0x7f {
			return '_'
		}
		return r
	}, name)
}
